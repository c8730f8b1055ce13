//! Headers as text, and text as headers. `docs/headers.md` says what each header does with bytes
//! beyond ASCII.

use std::borrow::Cow;

use http::{HeaderMap, HeaderValue};

use crate::grpc;

/// A header's value as text. Bytes that are not UTF-8 become U+FFFD.
#[inline]
pub(crate) fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// A header's value if it is UTF-8.
#[inline]
pub(crate) fn utf8(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

/// The characters that a transport's headers can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// HTTP: everything but control characters.
    Http,
    /// gRPC: [printable ASCII](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
    /// Some peers refuse a call with other bytes.
    Grpc,
}

impl Charset {
    /// The characters for a request with these headers.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        if grpc::content_type_begins(headers, grpc::CONTENT_TYPE) {
            Self::Grpc
        } else {
            Self::Http
        }
    }

    fn has(self, byte: u8) -> bool {
        match byte {
            b' '..=b'~' => true,
            b'\t' | 0x80.. => self == Self::Http,
            _ => false,
        }
    }

    /// `text` as a header's value. Bytes that it can't carry are percent-encoded, as in
    /// `grpc-message`. Spaces and tabs around it are left out: HTTP/2 forbids them
    /// ([RFC 9113, 8.2.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.2.1)).
    pub(crate) fn value(self, text: &[u8]) -> Option<HeaderValue> {
        let text = trimmed(text);
        if text.iter().all(|byte| self.has(*byte)) {
            return HeaderValue::from_bytes(text).ok();
        }
        let mut out = Vec::with_capacity(text.len() * 3);
        for byte in text {
            if self.has(*byte) {
                out.push(*byte);
            } else {
                out.extend_from_slice(format!("%{byte:02X}").as_bytes());
            }
        }
        HeaderValue::try_from(out).ok()
    }
}

/// Without the spaces and tabs around it.
fn trimmed(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_legal_value() {
        for (text, http, grpc) in [
            (&b"acme %41"[..], &b"acme %41"[..], "acme %41"),
            (
                "张\t三".as_bytes(),
                "张\t三".as_bytes(),
                "%E5%BC%A0%09%E4%B8%89",
            ),
            (b"a\nb\x7f", b"a%0Ab%7F", "a%0Ab%7F"),
            (b"\xff", b"\xff", "%FF"),
            (b"\t a b \t", b"a b", "a b"),
            (b" \n ", b"%0A", "%0A"),
            (b" \t ", b"", ""),
        ] {
            assert_eq!(Charset::Http.value(text).unwrap(), http);
            assert_eq!(Charset::Grpc.value(text).unwrap(), grpc);
        }
    }
}
