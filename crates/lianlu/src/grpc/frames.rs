//! Counts gRPC messages by their five-byte headers, without copying the body.
//!
//! ```text
//! | flags: u8 | length: u32 big endian | message: length bytes | next frame …
//! ```
//!
//! In [gRPC-Web](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md) the last frame has
//! the flag 0x80 and holds the trailers as `name: value` lines; with the flag 0x01 too, they are
//! compressed. In text mode the whole body is base64.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Buf;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::base64::Decoder;

const HEADER_LEN: usize = 5;

/// Most chunks of one buffer that are read; `Bytes` is a single chunk.
const MAX_CHUNKS: usize = 16;

/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// The flag of a compressed frame.
const COMPRESSED: u8 = 0x01;

/// Most bytes of trailers that are kept; enough for any status.
const MAX_TRAILERS: usize = 16 * 1024;

/// Counts messages and bytes in one direction of a call.
#[derive(Debug, Default)]
pub(crate) struct FrameCounter {
    messages: u64,
    bytes: u64,
    header: [u8; HEADER_LEN],
    header_filled: usize,
    /// Bytes of the current frame that have not arrived yet.
    frame_left: usize,
    /// True if the current frame holds trailers.
    in_trailers: bool,
    trailers: Vec<u8>,
    /// True if the trailers are compressed. They are not read.
    has_compressed_trailers: bool,
    /// True if part of the body was not seen, so the counts are invalid.
    is_incomplete: bool,
    /// The recorded lengths of the first messages.
    lengths: Vec<u32>,
    /// How many more lengths to record.
    lengths_wanted: u32,
    /// Set in gRPC-Web's text mode.
    text: Option<Decoder>,
}

impl FrameCounter {
    /// Decodes the body as base64, for gRPC-Web's text mode.
    pub(crate) fn decode_text(&mut self) {
        self.text = Some(Decoder::default());
    }

    /// Also records the lengths of the first `wanted` messages.
    pub(crate) fn keep_lengths(&mut self, wanted: u32) {
        self.lengths_wanted = wanted;
    }

    /// The lengths of the messages that started since the last call.
    pub(crate) fn take_lengths(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.lengths)
    }

    /// Stops counting, for a body that cannot be parsed.
    pub(crate) fn look_away(&mut self) {
        self.is_incomplete = true;
    }

    /// Reads the next part of the body, which may be split at any byte.
    pub(crate) fn feed(&mut self, data: &impl Buf) {
        if self.is_incomplete {
            return;
        }
        if self.text.is_none() && data.chunk().len() == data.remaining() {
            return self.feed_bytes(data.chunk());
        }
        let mut chunks = [std::io::IoSlice::new(&[]); MAX_CHUNKS];
        let count = data.chunks_vectored(&mut chunks);
        let mut seen = 0;
        for chunk in chunks.iter().take(count) {
            seen += chunk.len();
            match self.text.take() {
                None => self.feed_bytes(chunk),
                Some(mut text) => {
                    text.feed(chunk, |bytes| self.feed_bytes(bytes));
                    self.is_incomplete |= text.is_invalid;
                    self.text = Some(text);
                }
            }
        }
        self.is_incomplete |= seen != data.remaining();
    }

    /// Starts from the counts of earlier messages.
    pub(crate) fn begin_with(&mut self, messages: u64, bytes: u64) {
        self.messages = messages;
        self.bytes = bytes;
    }

    /// The length of the message if `data` is exactly one frame.
    #[inline]
    pub(crate) fn whole_message(data: &[u8]) -> Option<usize> {
        let ([flags, a, b, c, d], message) = data.split_first_chunk()?;
        let is_whole =
            flags & TRAILERS == 0 && message.len() == u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        is_whole.then_some(message.len())
    }

    fn feed_bytes(&mut self, mut data: &[u8]) {
        // Fast path: most chunks are exactly one frame.
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
                self.has_compressed_trailers |= self.in_trailers && flags & COMPRESSED != 0;
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

    /// The trailers of gRPC-Web. Returned once, when their frame is complete.
    pub(crate) fn web_trailers(&mut self) -> Option<HeaderMap> {
        if !self.in_trailers || self.frame_left > 0 || self.has_compressed_trailers {
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

    /// True if the status is in trailers that are compressed.
    pub(crate) fn has_compressed_trailers(&self) -> bool {
        self.has_compressed_trailers
    }

    /// The number of messages started and the sum of their declared lengths in bytes, compressed if
    /// the call is. `None` if part of the body was not seen.
    pub(crate) fn totals(&self) -> Option<(u64, u64)> {
        (!self.is_incomplete).then_some((self.messages, self.bytes))
    }
}

/// The counts of a request body; shared, because another task may still send it when the call ends.
#[derive(Debug, Default)]
pub(crate) struct MessageMeter {
    messages: AtomicU64,
    bytes: AtomicU64,
    is_incomplete: AtomicBool,
}

impl MessageMeter {
    #[cfg(any(feature = "tonic", feature = "axum"))]
    pub(crate) fn publish(&self, counter: &FrameCounter) {
        match counter.totals() {
            Some((messages, bytes)) => {
                self.messages.store(messages, Ordering::Relaxed);
                self.bytes.store(bytes, Ordering::Relaxed);
            }
            None => self.is_incomplete.store(true, Ordering::Relaxed),
        }
    }

    /// See [`FrameCounter::totals`].
    pub(crate) fn totals(&self) -> Option<(u64, u64)> {
        (!self.is_incomplete.load(Ordering::Relaxed)).then(|| {
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
    fn counts_do_not_depend_on_the_split() {
        let body: Vec<u8> = [frame(0), frame(3), frame(300), frame(1)].concat();
        for step in 1..body.len() {
            let mut counter = FrameCounter::default();
            for piece in body.chunks(step) {
                counter.feed(&Bytes::copy_from_slice(piece));
            }
            assert_eq!(counter.totals(), Some((4, 304)), "chunks of {step}");
        }
    }

    #[test]
    fn records_the_first_lengths() {
        let mut counter = FrameCounter::default();
        counter.keep_lengths(3);
        counter.feed(&Bytes::from([frame(1), frame(2)].concat()));
        assert_eq!(counter.take_lengths(), [1, 2]);
        counter.feed(&Bytes::from([frame(3), frame(4)].concat()));
        assert_eq!(counter.take_lengths(), [3]);
    }

    #[test]
    fn grpc_web_trailers_are_not_counted_as_a_message() {
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
    fn truncates_long_trailers() {
        let mut counter = FrameCounter::default();
        counter.feed(&Bytes::from_static(&[TRAILERS, 255, 255, 255, 255]));
        for _ in 0..100 {
            counter.feed(&Bytes::from(vec![b'x'; 1024]));
        }
        assert_eq!(counter.trailers.len(), MAX_TRAILERS);
    }

    #[test]
    fn reads_all_chunks_of_a_buffer() {
        let body = frame(10);
        let (head, tail) = body.split_at(3);
        let mut counter = FrameCounter::default();
        counter.feed(&Bytes::copy_from_slice(head).chain(Bytes::copy_from_slice(tail)));
        assert_eq!(counter.totals(), Some((1, 10)));
    }

    #[test]
    fn a_buffer_that_exposes_only_its_first_chunk_gives_no_count() {
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
