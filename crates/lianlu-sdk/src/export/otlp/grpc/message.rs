//! gRPC messages: `flag length message`; the flag is 1 if the message is compressed, the length has
//! 4 bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::Compression;
use crate::export::batch::Batch;

/// Size of flag and length.
pub(super) const PREFIX: usize = 5;

/// The body of a request.
pub(super) struct Message {
    pieces: std::vec::IntoIter<Bytes>,
}

impl Message {
    /// The request of a batch. `scratch` holds it before compression.
    pub(super) fn of(
        batch: &Batch,
        compression: Compression,
        scratch: &mut Vec<u8>,
    ) -> std::io::Result<Self> {
        let pieces = if compression == Compression::None {
            batch.request_pieces(&prefix(0, batch.request_len())?)
        } else {
            batch.write_request(scratch);
            let mut compressed = vec![0; PREFIX];
            compression.compress(scratch, &mut compressed)?;
            let prefix = prefix(1, compressed.len().saturating_sub(PREFIX))?;
            if let Some(slot) = compressed.first_chunk_mut() {
                *slot = prefix;
            }
            vec![Bytes::from(compressed)]
        };
        Ok(Self {
            pieces: pieces.into_iter(),
        })
    }
}

/// The body of a call with one short message.
#[cfg(feature = "jaeger-remote-sampler")]
pub(crate) fn plain(message: &[u8]) -> std::io::Result<tonic::body::Body> {
    let prefix = prefix(0, message.len())?;
    let piece = Bytes::from([&prefix, message].concat());
    Ok(tonic::body::Body::new(Message {
        pieces: vec![piece].into_iter(),
    }))
}

fn prefix(flag: u8, length: usize) -> std::io::Result<[u8; PREFIX]> {
    let length = u32::try_from(length).map_err(std::io::Error::other)?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok([flag, a, b, c, d])
}

impl Body for Message {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.pieces.next();
        Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let pieces = self.pieces.as_slice().iter();
        SizeHint::with_exact(pieces.map(|piece| piece.len() as u64).sum())
    }
}

/// A received message.
pub(super) enum Decoded {
    /// Longer than the limit.
    TooLong,
    /// Truncated, or cannot be decompressed.
    Malformed,
    /// The message, decompressed.
    Message(Vec<u8>),
}

/// The declared length of a message.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (_, rest) = bytes.split_first()?;
    let length = rest.first_chunk()?;
    // A length that does not fit in memory is as good as the maximum.
    Some(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
}

/// Reads a message of at most `most` bytes; if it is compressed, with `encoding`.
pub(super) fn read(bytes: &[u8], encoding: Option<Compression>, most: usize) -> Decoded {
    let (Some(length), Some((flag, _))) = (length(bytes), bytes.split_first()) else {
        return Decoded::Malformed;
    };
    if length > most {
        return Decoded::TooLong;
    }
    let message = bytes.get(PREFIX..).and_then(|rest| rest.get(..length));
    match (message, flag, encoding) {
        (Some(message), 0, _) => Decoded::Message(message.to_vec()),
        (Some(message), 1, Some(compression)) => match compression.decompress(message, most) {
            Ok(message) if message.len() > most => Decoded::TooLong,
            Ok(message) => Decoded::Message(message),
            Err(_) => Decoded::Malformed,
        },
        _ => Decoded::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::MAX_RESPONSE;
    use super::*;

    fn message(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        [&[flag][..], &length, bytes].concat()
    }

    fn whole(bytes: &[u8], encoding: Option<Compression>) -> Option<Vec<u8>> {
        match read(bytes, encoding, MAX_RESPONSE) {
            Decoded::Message(message) => Some(message),
            _ => None,
        }
    }

    #[test]
    fn messages() {
        assert_eq!(whole(&message(0, 2, b"ab"), None).unwrap(), b"ab");
        assert_eq!(whole(&message(0, 0, b""), None).unwrap(), b"");
        // A second message is ignored.
        assert_eq!(whole(&message(0, 2, b"ab\0\0\0"), None).unwrap(), b"ab");
        for (flag, length, bytes) in [(0, 3, &b"ab"[..]), (1, 2, b"ab"), (2, 2, b"ab")] {
            assert!(matches!(
                read(&message(flag, length, bytes), None, MAX_RESPONSE),
                Decoded::Malformed
            ));
        }
        for end in 0..PREFIX {
            assert!(matches!(
                read(&[0; PREFIX][..end], None, MAX_RESPONSE),
                Decoded::Malformed
            ));
        }
        let long = message(0, MAX_RESPONSE + 1, b"");
        assert!(matches!(read(&long, None, MAX_RESPONSE), Decoded::TooLong));
        assert_eq!(length(&long), Some(MAX_RESPONSE + 1));
        assert_eq!(length(&long[..4]), None);
    }

    #[cfg(all(feature = "gzip", feature = "zstd"))]
    #[test]
    fn compressed_messages() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let packed = |bytes: &[u8]| {
                let mut out = Vec::new();
                compression.compress(bytes, &mut out).unwrap();
                message(1, out.len(), &out)
            };
            let read = |bytes: &[u8]| read(bytes, Some(compression), MAX_RESPONSE);
            assert!(matches!(read(&packed(b"abc")), Decoded::Message(it) if it == b"abc"));
            let most = vec![0; MAX_RESPONSE];
            assert!(matches!(read(&packed(&most)), Decoded::Message(it) if it == most));
            assert!(matches!(
                read(&packed(&[0; MAX_RESPONSE + 1])),
                Decoded::TooLong
            ));
            assert!(matches!(read(&message(1, 5, b"hello")), Decoded::Malformed));
            let mut cut_off = packed(b"abc");
            cut_off.truncate(cut_off.len() - 2);
            cut_off[4] -= 2;
            assert!(matches!(read(&cut_off), Decoded::Malformed));
        }
    }
}
