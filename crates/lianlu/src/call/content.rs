//! The beginning of a body's content, kept if the user enables it.
//!
//! As `http.request.body.content` wants it: text where the content type says so, else bytes; without
//! its content coding where that is known (features `gzip` and `zstd`).

use bytes::Buf;
use http::{HeaderMap, header};

use crate::describe::keys;
use crate::describe::writer::AttributeWriter;

/// How a body is written, by its headers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ContentForm {
    coding: Coding,
    charset: Charset,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Identity,
    #[cfg(feature = "gzip")]
    Gzip,
    #[cfg(feature = "gzip")]
    Deflate,
    #[cfg(feature = "zstd")]
    Zstd,
    /// One that cannot be removed, or several.
    Other,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Charset {
    #[default]
    Utf8,
    Latin1,
    /// No text, or text in a charset that is not known here.
    Binary,
    /// No content type: text if it is UTF-8.
    Unknown,
}

impl ContentForm {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let coding = headers.get(header::CONTENT_ENCODING);
        let mut more = headers.get_all(header::CONTENT_ENCODING).iter().skip(1);
        let coding = match (
            coding.map(|coding| coding.as_bytes().trim_ascii()),
            more.next(),
        ) {
            (None, _) => Coding::Identity,
            (Some(coding), None) => Coding::named(coding),
            _ => Coding::Other,
        };
        let content_type = headers.get(header::CONTENT_TYPE);
        let charset = match content_type.map(|value| value.to_str()) {
            None => Charset::Unknown,
            Some(Ok(content_type)) => Charset::of(content_type),
            Some(Err(_)) => Charset::Binary,
        };
        Self { coding, charset }
    }
}

impl Coding {
    fn named(name: &[u8]) -> Self {
        match name.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Self::Identity,
            #[cfg(feature = "gzip")]
            b"gzip" | b"x-gzip" => Self::Gzip,
            #[cfg(feature = "gzip")]
            b"deflate" => Self::Deflate,
            #[cfg(feature = "zstd")]
            b"zstd" => Self::Zstd,
            _ => Self::Other,
        }
    }

    /// The first `most` bytes without the coding, as far as `bytes`, the beginning of a body, go.
    /// `None` if the coding cannot be removed.
    fn remove(self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        match self {
            Self::Identity => Some(bytes.to_owned()),
            #[cfg(feature = "gzip")]
            Self::Gzip => read(flate2::read::GzDecoder::new(bytes), most),
            #[cfg(feature = "gzip")]
            Self::Deflate => read(flate2::read::ZlibDecoder::new(bytes), most),
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(bytes).ok()?;
                // RFC 9659: the window of a content coding has at most 8 MB.
                decoder.window_log_max(23).ok()?;
                read(decoder, most)
            }
            Self::Other => {
                let _ = most;
                None
            }
        }
    }
}

/// Reads up to `most` bytes, or what comes before an error: the body may be cut. `None` if nothing
/// comes before an error.
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn read(mut from: impl std::io::Read, most: usize) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    let mut piece = [0; 512];
    while decoded.len() < most {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => decoded.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(_) if decoded.is_empty() => return None,
            Err(_) => break,
        }
    }
    decoded.truncate(most);
    Some(decoded)
}

impl Charset {
    fn of(content_type: &str) -> Self {
        let mut parameters = content_type.split(';').map(str::trim);
        let essence = parameters.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parameters.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_charset = name.trim().eq_ignore_ascii_case("charset");
            is_charset.then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        });
        match charset.as_deref() {
            Some("utf-8" | "utf8" | "us-ascii" | "ascii") => Self::Utf8,
            Some("iso-8859-1" | "latin1") => Self::Latin1,
            Some(_) => Self::Binary,
            None if essence.is_empty() => Self::Unknown,
            None if is_text(&essence) => Self::Utf8,
            None => Self::Binary,
        }
    }
}

fn is_text(essence: &str) -> bool {
    let Some((kind, name)) = essence.split_once('/') else {
        return false;
    };
    let is_structured = ["+json", "+xml", "+yaml"]
        .iter()
        .any(|end| name.ends_with(end));
    let texts = [
        "graphql",
        "javascript",
        "json",
        "ld+json",
        "ndjson",
        "toml",
        "x-ndjson",
        "x-www-form-urlencoded",
        "xml",
        "yaml",
    ];
    kind == "text" || is_structured || kind == "application" && texts.contains(&name)
}

/// Keeps the first bytes of a body.
#[derive(Debug, Default)]
pub(crate) struct Content {
    kept: Vec<u8>,
    limit: usize,
    /// True if bytes were left out: none after them are kept.
    is_cut: bool,
    form: ContentForm,
}

impl Content {
    pub(crate) fn new(limit: usize, form: ContentForm) -> Self {
        Self {
            kept: Vec::new(),
            limit,
            is_cut: false,
            form,
        }
    }

    pub(crate) fn feed(&mut self, data: &impl Buf) {
        let mut room = self.limit.saturating_sub(self.kept.len());
        if room == 0 || self.is_cut {
            return;
        }
        let mut slices = [std::io::IoSlice::new(&[]); 16];
        let count = data.chunks_vectored(&mut slices);
        let mut seen = 0;
        for slice in slices.iter().take(count) {
            seen += slice.len();
            let slice = slice.get(..room).unwrap_or(slice);
            self.kept.extend_from_slice(slice);
            room -= slice.len();
        }
        self.is_cut = seen < data.remaining();
    }

    /// What was kept so far. `None` if content is disabled or none has come.
    pub(crate) fn kept(&self) -> Option<Kept> {
        if self.kept.is_empty() {
            return None;
        }
        let Some(bytes) = self.form.coding.remove(&self.kept, self.limit) else {
            return Some(Kept::Bytes(self.kept.clone()));
        };
        if bytes.is_empty() {
            return None;
        }
        // The last character may be cut.
        let whole = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => bytes.len(),
        };
        Some(match self.form.charset {
            Charset::Binary => Kept::Bytes(bytes),
            Charset::Latin1 => Kept::Text(bytes.into_iter().map(char::from).collect()),
            Charset::Utf8 => {
                let text = bytes.get(..whole(&bytes)).unwrap_or_default();
                Kept::Text(String::from_utf8_lossy(text).into_owned())
            }
            Charset::Unknown => {
                let text = bytes.get(..whole(&bytes)).unwrap_or_default();
                match std::str::from_utf8(text) {
                    Ok(text) => Kept::Text(text.to_owned()),
                    Err(_) => Kept::Bytes(bytes),
                }
            }
        })
    }
}

/// The beginning of a body, as an attribute has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Text(String),
    Bytes(Vec<u8>),
}

/// Writes the bodies of a call. Bytes are left out where the provider is behind the API, which has
/// no such values.
pub(crate) fn write(request: Option<Kept>, response: Option<Kept>, out: &mut AttributeWriter<'_>) {
    for (key, kept) in [
        (keys::HTTP_REQUEST_BODY_CONTENT, request),
        (keys::HTTP_RESPONSE_BODY_CONTENT, response),
    ] {
        match kept {
            None => {}
            Some(Kept::Text(text)) => out.push(opentelemetry::KeyValue::new(key, text)),
            Some(Kept::Bytes(bytes)) => out.push_bytes(key, &bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn kept(
        headers: &[(&'static str, &'static str)],
        limit: usize,
        pieces: &[&[u8]],
    ) -> Option<Kept> {
        let headers = headers.iter().map(|(name, value)| {
            let value = http::HeaderValue::from_static(value);
            (http::HeaderName::from_static(name), value)
        });
        let mut content = Content::new(limit, ContentForm::of(&headers.collect()));
        for piece in pieces {
            content.feed(piece);
        }
        content.kept()
    }

    #[test]
    fn content_is_text_by_its_type_else_bytes() {
        let text = |text: &str| Some(Kept::Text(text.to_owned()));
        let bytes = |bytes: &[u8]| Some(Kept::Bytes(bytes.to_owned()));
        for (content_type, body, expected) in [
            ("text/plain", &b"a\xffb"[..], text("a\u{fffd}b")),
            ("application/json; charset=utf-8", b"{}", text("{}")),
            ("application/problem+json", b"{}", text("{}")),
            ("application/x-www-form-urlencoded", b"a=1", text("a=1")),
            ("text/html; charset=\"ISO-8859-1\"", b"\xe9", text("é")),
            (
                "text/html; charset=shift_jis",
                b"\x83\x41",
                bytes(b"\x83\x41"),
            ),
            ("application/octet-stream", b"\0\x9f", bytes(b"\0\x9f")),
            ("image/png", b"abc", bytes(b"abc")),
            ("", b"abc", text("abc")),
            ("", b"\xff\x01", bytes(b"\xff\x01")),
        ] {
            let headers = [("content-type", content_type)];
            let headers = if content_type.is_empty() {
                &[][..]
            } else {
                &headers
            };
            assert_eq!(
                kept(headers, 100, &[body]),
                expected,
                "{content_type} {body:?}"
            );
        }
        assert_eq!(
            kept(&[], 5, &["链".as_bytes(), "路路".as_bytes()]),
            text("链")
        );
        assert_eq!(kept(&[], 0, &[b"a"]), None);
        let coded = [("content-type", "text/plain"), ("content-encoding", "br")];
        assert_eq!(kept(&coded, 100, &[b"\x0b\x02"]), bytes(b"\x0b\x02"));
    }

    #[test]
    fn all_pieces_of_a_buffer_are_kept() {
        let mut content = Content::new(3, ContentForm::default());
        content.feed(&b"a"[..].chain(&b"b"[..]).chain(&b"cd"[..]));
        assert_eq!(content.kept(), Some(Kept::Text("abc".to_owned())));
        // Without a gap where a buffer has more pieces than are looked at.
        let mut content = Content::new(100, ContentForm::default());
        let pieces = (b'a'..=b'r').fold(VecDeque::new(), |mut pieces, byte| {
            pieces.push_back(bytes::Bytes::from(vec![byte]));
            pieces
        });
        content.feed(&Pieces(pieces));
        content.feed(&&b"z"[..]);
        assert_eq!(
            content.kept(),
            Some(Kept::Text("abcdefghijklmnop".to_owned()))
        );
    }

    struct Pieces(VecDeque<bytes::Bytes>);

    impl Buf for Pieces {
        fn remaining(&self) -> usize {
            self.0.iter().map(Buf::remaining).sum()
        }

        fn chunk(&self) -> &[u8] {
            self.0.front().map_or(&[], |piece| piece)
        }

        fn chunks_vectored<'a>(&'a self, to: &mut [std::io::IoSlice<'a>]) -> usize {
            let pieces = self.0.iter().zip(to);
            pieces
                .map(|(piece, to)| *to = std::io::IoSlice::new(piece))
                .count()
        }

        fn advance(&mut self, _: usize) {
            unreachable!("a body is only looked at")
        }
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn gzip_is_removed_as_far_as_the_body_was_kept() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"hello, hello, hello, hello").unwrap();
        let body = encoder.finish().unwrap();
        let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
        let Some(Kept::Text(text)) = kept(&headers, 12, &[&body]) else {
            panic!("not decoded");
        };
        assert!(
            !text.is_empty() && "hello, hello, hello".starts_with(&text),
            "{text}"
        );
        let empty = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        assert_eq!(kept(&headers, 100, &[&empty.finish().unwrap()]), None);
        // What is not gzip although it says so.
        assert_eq!(
            kept(&headers, 100, &[b"plain"]),
            Some(Kept::Bytes(b"plain".to_vec()))
        );
    }
}
