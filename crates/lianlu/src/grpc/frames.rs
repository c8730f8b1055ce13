//! Counts gRPC messages from the five bytes in front of each, without copying a body.
//!
//! ```text
//! | flags: u8 | length: u32 big endian | message: length bytes | next frame …
//! ```
//!
//! In [gRPC-Web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md) a last frame with flag
//! 0x80 holds the trailers, as lines of `name: value`. Its text mode is the base64 of all that.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::base64::Decoder;

const HEADER_LEN: usize = 5;

/// How many separate pieces of one data frame are looked into; `Bytes` is one piece.
const MAX_PIECES: usize = 16;

/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// Longer trailers are not read: nobody needs that much to say how a call went.
const MAX_TRAILERS: usize = 16 * 1024;

/// Messages and their bytes in one direction of a call.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    messages: u64,
    bytes: u64,
    header: [u8; HEADER_LEN],
    header_filled: usize,
    /// Bytes of the current frame that are still to come.
    frame_left: usize,
    /// Whether the current frame holds trailers, and what has come of them.
    in_trailers: bool,
    trailers: Vec<u8>,
    /// Whether part of the body could not be seen, so that the counts mean nothing.
    blind: bool,
    /// The lengths of the first messages, for who wants them, and how many more are wanted.
    lengths: Vec<u32>,
    lengths_wanted: u32,
    /// In gRPC-Web's text mode.
    text: Option<Decoder>,
}

impl FrameCounter {
    /// The body is the base64 of gRPC-Web's text mode.
    pub(crate) fn decode_text(&mut self) {
        self.text = Some(Decoder::default());
    }

    /// Also keeps the lengths of the first `wanted` messages.
    pub(crate) fn keep_lengths(&mut self, wanted: u32) {
        self.lengths_wanted = wanted;
    }

    /// The lengths of the messages that have begun since this was asked last.
    pub(crate) fn take_lengths(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.lengths)
    }

    /// The body is none that this can read.
    pub(crate) fn look_away(&mut self) {
        self.blind = true;
    }

    /// Looks at a piece of the body, wherever it begins and ends.
    pub(crate) fn feed(&mut self, data: &impl Buf) {
        if self.blind {
            return;
        }
        if self.text.is_none() && data.chunk().len() == data.remaining() {
            return self.feed_bytes(data.chunk());
        }
        let mut pieces = [std::io::IoSlice::new(&[]); MAX_PIECES];
        let count = data.chunks_vectored(&mut pieces);
        let mut seen = 0;
        for piece in pieces.iter().take(count) {
            seen += piece.len();
            match self.text.take() {
                None => self.feed_bytes(piece),
                Some(mut text) => {
                    text.feed(piece, |bytes| self.feed_bytes(bytes));
                    self.blind |= text.broken;
                    self.text = Some(text);
                }
            }
        }
        self.blind |= seen != data.remaining();
    }

    /// Goes on from so many messages that came before.
    pub(crate) fn begin_with(&mut self, messages: u64, bytes: u64) {
        self.messages = messages;
        self.bytes = bytes;
    }

    /// How long the message is that `data` is the whole frame of.
    #[inline]
    pub(crate) fn whole_message(data: &[u8]) -> Option<usize> {
        let ([flags, a, b, c, d], message) = data.split_first_chunk()?;
        let is_whole =
            flags & TRAILERS == 0 && message.len() == u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        is_whole.then_some(message.len())
    }

    fn feed_bytes(&mut self, mut data: &[u8]) {
        // As most pieces are.
        if self.header_filled == 0
            && self.frame_left == 0
            && self.lengths_wanted == 0
            && let Some(message) = Self::whole_message(data)
        {
            self.in_trailers = false;
            self.messages += 1;
            self.bytes += message as u64;
            return;
        }
        while !data.is_empty() {
            if self.frame_left > 0 {
                let (here, rest) = data.split_at(self.frame_left.min(data.len()));
                if self.in_trailers {
                    let room = MAX_TRAILERS - self.trailers.len();
                    let here = here.get(..room).unwrap_or(here);
                    self.trailers.extend_from_slice(here);
                }
                self.frame_left -= here.len();
                data = rest;
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
                let [flags, a, b, c, d] = self.header;
                let length = u32::from_be_bytes([a, b, c, d]);
                self.header_filled = 0;
                self.frame_left = length as usize;
                self.in_trailers = flags & TRAILERS != 0;
                if !self.in_trailers {
                    self.messages += 1;
                    self.bytes += u64::from(length);
                    if self.lengths_wanted > 0 {
                        self.lengths_wanted -= 1;
                        self.lengths.push(length);
                    }
                }
            }
        }
    }

    /// The trailers of gRPC-Web, once their frame is whole; told once.
    pub(crate) fn web_trailers(&mut self) -> Option<HeaderMap> {
        if !self.in_trailers || self.frame_left > 0 {
            return None;
        }
        self.in_trailers = false;
        let text = std::mem::take(&mut self.trailers);
        let mut trailers = HeaderMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            let mut parts = line.trim_ascii().splitn(2, |byte| *byte == b':');
            if let (Some(name), Some(value)) = (parts.next(), parts.next())
                && let Ok(name) = HeaderName::from_bytes(name)
                && let Ok(value) = HeaderValue::from_bytes(value.trim_ascii())
            {
                trailers.append(name, value);
            }
        }
        Some(trailers)
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
    #[cfg(any(feature = "tonic", feature = "axum"))]
    pub(crate) fn publish(&self, counter: &FrameCounter) {
        match counter.totals() {
            Some((messages, bytes)) => {
                self.messages.store(messages, Ordering::Relaxed);
                self.bytes.store(bytes, Ordering::Relaxed);
            }
            None => self.blind.store(true, Ordering::Relaxed),
        }
    }

    /// As [`FrameCounter::totals`].
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
    fn the_first_lengths_are_kept_for_who_asks() {
        let mut counter = FrameCounter::default();
        counter.keep_lengths(3);
        counter.feed(&Bytes::from([frame(1), frame(2)].concat()));
        assert_eq!(counter.take_lengths(), [1, 2]);
        counter.feed(&Bytes::from([frame(3), frame(4)].concat()));
        assert_eq!(counter.take_lengths(), [3]);
    }

    #[test]
    fn trailers_of_grpc_web_are_no_message() {
        let trailers = b"grpc-status:5\r\ngrpc-message: no%20one\r\n";
        let mut body = frame(3);
        body.push(TRAILERS);
        body.extend(u32::try_from(trailers.len()).unwrap().to_be_bytes());
        body.extend(trailers);
        for step in 1..body.len() {
            let mut counter = FrameCounter::default();
            for piece in body.chunks(step) {
                assert_eq!(counter.web_trailers(), None);
                counter.feed(&Bytes::copy_from_slice(piece));
            }
            assert_eq!(counter.totals(), Some((1, 3)));
            let trailers = counter.web_trailers().unwrap();
            assert_eq!(trailers["grpc-status"], "5");
            assert_eq!(trailers["grpc-message"], "no%20one");
        }
    }

    #[test]
    fn endless_trailers_are_cut() {
        let mut counter = FrameCounter::default();
        counter.feed(&Bytes::from_static(&[TRAILERS, 255, 255, 255, 255]));
        for _ in 0..100 {
            counter.feed(&Bytes::from(vec![b'x'; 1024]));
        }
        assert_eq!(counter.trailers.len(), MAX_TRAILERS);
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
        counter.feed(&OnlyFirst(
            Bytes::from(frame(1)).chain(Bytes::from(frame(1))),
        ));
        assert_eq!(counter.totals(), None);
    }
}
