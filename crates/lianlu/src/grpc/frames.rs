//! Counts gRPC messages from the five bytes in front of each, without copying a body.
//!
//! ```text
//! | flags: u8 | length: u32 big endian | message: length bytes | next frame …
//! ```

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Buf;

const HEADER_LEN: usize = 5;

/// How many separate pieces of one data frame are looked into; `Bytes` is one piece.
const MAX_PIECES: usize = 16;

/// Messages and their bytes in one direction of a call.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    messages: u64,
    bytes: u64,
    header: [u8; HEADER_LEN],
    header_filled: usize,
    /// Bytes of the current message that are still to come.
    message_left: usize,
    /// Whether part of the body could not be seen, so that the counts mean nothing.
    blind: bool,
}

impl FrameCounter {
    /// Looks at a piece of the body, wherever it begins and ends.
    pub(crate) fn feed(&mut self, data: &impl Buf) {
        let mut pieces = [std::io::IoSlice::new(&[]); MAX_PIECES];
        let count = data.chunks_vectored(&mut pieces);
        let mut seen = 0;
        for piece in pieces.iter().take(count) {
            seen += piece.len();
            self.feed_bytes(piece);
        }
        self.blind |= seen != data.remaining();
    }

    fn feed_bytes(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.message_left > 0 {
                let here = self.message_left.min(data.len());
                self.message_left -= here;
                data = data.get(here..).unwrap_or_default();
                continue;
            }
            let (Some(&byte), Some(slot)) = (data.first(), self.header.get_mut(self.header_filled))
            else {
                return;
            };
            *slot = byte;
            data = data.get(1..).unwrap_or_default();
            self.header_filled += 1;
            if self.header_filled == HEADER_LEN {
                let [_, a, b, c, d] = self.header;
                let length = u32::from_be_bytes([a, b, c, d]);
                self.header_filled = 0;
                self.message_left = length as usize;
                self.messages += 1;
                self.bytes += u64::from(length);
            }
        }
    }

    /// Messages begun, and the sum of their declared lengths in bytes, as framed (so compressed,
    /// where the call is). `None` if part of the body could not be seen.
    pub(crate) fn totals(&self) -> Option<(u64, u64)> {
        (!self.blind).then_some((self.messages, self.bytes))
    }
}

/// The counts of a request body, which another task may be sending while the call ends.
#[derive(Debug, Default)]
pub(crate) struct MessageMeter {
    messages: AtomicU64,
    bytes: AtomicU64,
    blind: AtomicBool,
}

impl MessageMeter {
    pub(crate) fn publish(&self, counter: &FrameCounter) {
        match counter.totals() {
            Some((messages, bytes)) => {
                self.messages.store(messages, Ordering::Relaxed);
                self.bytes.store(bytes, Ordering::Relaxed);
            }
            None => self.blind.store(true, Ordering::Relaxed),
        }
    }

    pub(crate) fn totals(&self) -> Option<(u64, u64)> {
        (!self.blind.load(Ordering::Relaxed)).then(|| {
            (
                self.messages.load(Ordering::Relaxed),
                self.bytes.load(Ordering::Relaxed),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0];
        frame.extend(u32::try_from(length).unwrap().to_be_bytes());
        frame.extend(vec![7; length]);
        frame
    }

    #[test]
    fn any_split_counts_the_same() {
        let body: Vec<u8> = [frame(0), frame(3), frame(300), frame(1)].concat();
        for step in 1..body.len() {
            let mut counter = FrameCounter::default();
            for piece in body.chunks(step) {
                counter.feed(&Bytes::copy_from_slice(piece));
            }
            assert_eq!(counter.totals(), Some((4, 304)), "pieces of {step}");
        }
    }

    #[test]
    fn pieces_of_one_buffer_are_seen() {
        let body = frame(10);
        let (head, tail) = body.split_at(3);
        let mut counter = FrameCounter::default();
        counter.feed(&Bytes::copy_from_slice(head).chain(Bytes::copy_from_slice(tail)));
        assert_eq!(counter.totals(), Some((1, 10)));
    }

    #[test]
    fn a_buffer_that_hides_its_pieces_gives_no_count() {
        struct OnlyFirst(bytes::buf::Chain<Bytes, Bytes>);
        impl Buf for OnlyFirst {
            fn remaining(&self) -> usize {
                self.0.remaining()
            }
            fn chunk(&self) -> &[u8] {
                self.0.chunk()
            }
            fn advance(&mut self, count: usize) {
                self.0.advance(count);
            }
        }
        let mut counter = FrameCounter::default();
        counter.feed(&OnlyFirst(Bytes::from(frame(1)).chain(Bytes::from(frame(1)))));
        assert_eq!(counter.totals(), None);
    }
}
