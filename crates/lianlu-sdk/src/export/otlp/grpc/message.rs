//! Messages of gRPC: `flag length message`, the flag 1 if the message is compressed, the length in 4 bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::{Compression, MAX_RESPONSE};
use crate::export::batch::Batch;

/// Flag and length.
pub(super) const PREFIX: usize = 5;

/// The body of a request.
pub(super) struct Message {
    pieces: std::vec::IntoIter<Bytes>,
}

impl Message {
    /// A batch's request. One that is compressed is made in `scratch`.
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
            if let Some(place) = compressed.first_chunk_mut() {
                *place = prefix;
            }
            vec![Bytes::from(compressed)]
        };
        Ok(Self {
            pieces: pieces.into_iter(),
        })
    }
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

/// What a message that has come is like.
pub(super) enum Read {
    /// Longer than is read.
    TooLong,
    /// Cut off, or it can't be decompressed.
    Broken,
    /// As it was before it was compressed.
    Whole(Vec<u8>),
}

/// How long a message is that begins like this, as it is sent.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (_, rest) = bytes.split_first()?;
    let length = rest.first_chunk()?;
    // What memory can't hold is as long as can be.
    Some(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
}

/// Reads a message, compressed as `encoding` says if it is.
pub(super) fn read(bytes: &[u8], encoding: Option<Compression>) -> Read {
    let (Some(length), Some((flag, _))) = (length(bytes), bytes.split_first()) else {
        return Read::Broken;
    };
    if length > MAX_RESPONSE {
        return Read::TooLong;
    }
    let message = bytes.get(PREFIX..).and_then(|rest| rest.get(..length));
    match (message, flag, encoding) {
        (Some(message), 0, _) => Read::Whole(message.to_vec()),
        (Some(message), 1, Some(compression)) => {
            match compression.decompress(message, MAX_RESPONSE) {
                Ok(message) if message.len() > MAX_RESPONSE => Read::TooLong,
                Ok(message) => Read::Whole(message),
                Err(_) => Read::Broken,
            }
        }
        _ => Read::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(flag: u8, length: usize, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        [&[flag][..], &length, bytes].concat()
    }

    fn whole(bytes: &[u8], encoding: Option<Compression>) -> Option<Vec<u8>> {
        match read(bytes, encoding) {
            Read::Whole(message) => Some(message),
            _ => None,
        }
    }

    #[test]
    fn messages() {
        assert_eq!(whole(&message(0, 2, b"ab"), None).unwrap(), b"ab");
        assert_eq!(whole(&message(0, 0, b""), None).unwrap(), b"");
        // A second one is not looked at.
        assert_eq!(whole(&message(0, 2, b"ab\0\0\0"), None).unwrap(), b"ab");
        for (flag, length, bytes) in [(0, 3, &b"ab"[..]), (1, 2, b"ab"), (2, 2, b"ab")] {
            assert!(matches!(
                read(&message(flag, length, bytes), None),
                Read::Broken
            ));
        }
        for end in 0..PREFIX {
            assert!(matches!(read(&[0; PREFIX][..end], None), Read::Broken));
        }
        let long = message(0, MAX_RESPONSE + 1, b"");
        assert!(matches!(read(&long, None), Read::TooLong));
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
            let read = |bytes: &[u8]| read(bytes, Some(compression));
            assert!(matches!(read(&packed(b"abc")), Read::Whole(it) if it == b"abc"));
            let most = vec![0; MAX_RESPONSE];
            assert!(matches!(read(&packed(&most)), Read::Whole(it) if it == most));
            assert!(matches!(
                read(&packed(&[0; MAX_RESPONSE + 1])),
                Read::TooLong
            ));
            assert!(matches!(read(&message(1, 5, b"hello")), Read::Broken));
            let mut cut_off = packed(b"abc");
            cut_off.truncate(cut_off.len() - 2);
            cut_off[4] -= 2;
            assert!(matches!(read(&cut_off), Read::Broken));
        }
    }
}
