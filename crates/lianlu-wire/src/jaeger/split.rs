//! Splits a batch into datagrams.

use std::ops::Range;

use super::encode::{all_or_nothing, process, span};
use super::{EMIT_BATCH, EncodeError, Process, Span};
use crate::thrift::{CompactWriter, Kind, Write};

/// Largest datagram, in bytes, that Jaeger's agent and collector accept.
///
/// See [the agent's
/// processors](https://www.jaegertracing.io/docs/1.76/architecture/apis/#thrift-over-udp-legacy).
pub const UDP_MAX_PACKET: usize = 65_000;

/// The stop fields of Batch and of the call's arguments.
const STOPS: [u8; 2] = [0, 0];

/// Splits spans into datagrams of at most `max_packet` bytes ([`UDP_MAX_PACKET`] for Jaeger's
/// default settings), each a complete `emitBatch` call in the compact protocol that repeats
/// `process`.
///
/// The iterator makes one datagram at a time, in the order of the spans. Every span is in exactly
/// one item: in the range of a [`Datagram`], or in a [`PacketError`] if it is too large for a
/// datagram of its own. Each span is encoded at most twice.
///
/// ```
/// use lianlu_wire::jaeger::{Process, Span, UDP_MAX_PACKET, split_emit_batch_compact};
///
/// let process = Process { service_name: "shop".into(), tags: vec![] };
/// let spans = vec![Span { operation_name: "GET /basket".into(), ..Span::default() }; 5_000];
/// let (mut sent, mut lost) = (0, 0);
/// for packet in split_emit_batch_compact(&process, &spans, UDP_MAX_PACKET) {
///     match packet {
///         Ok(datagram) => {
///             assert!(datagram.bytes.len() <= UDP_MAX_PACKET); // socket.send(&datagram.bytes)
///             sent += datagram.spans.len();
///         }
///         Err(_) => lost += 1,
///     }
/// }
/// assert_eq!((sent, lost), (5_000, 0));
/// ```
pub fn split_emit_batch_compact<'s>(
    process: &Process<'_>,
    spans: &'s [Span<'s>],
    max_packet: usize,
) -> Packets<'s> {
    Packets {
        head: head(process),
        spans,
        max_packet,
        next: 0,
        body: Vec::new(),
    }
}

/// The bytes of a datagram before the list of spans.
fn head(value: &Process<'_>) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let mut w = CompactWriter::new(&mut out);
    // A one-way call has no response to match, so the sequence number is constant.
    w.oneway_begin(EMIT_BATCH, 0)?;
    let _args = w.struct_begin();
    w.field(1, Kind::Struct);
    let _batch = w.struct_begin();
    w.field(1, Kind::Struct);
    process(&mut w, value)?;
    w.field(2, Kind::List);
    Ok(out)
}

/// One datagram, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datagram {
    /// The datagram.
    pub bytes: Vec<u8>,
    /// Range of the given spans that the datagram contains.
    pub spans: Range<usize>,
}

/// A span that cannot be sent. The iterator continues with the next span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The span and its process together exceed the maximum size of a datagram.
    #[error(
        "span {index} takes a datagram of {bytes} bytes, {max_packet} allowed: send it over HTTP, or shorten its tags"
    )]
    TooLarge {
        /// Index of the span.
        index: usize,
        /// Size of a datagram with only this span.
        bytes: usize,
        /// Maximum size.
        max_packet: usize,
    },
    /// The span, or its process, cannot be encoded in thrift.
    #[error("span {index} cannot be written")]
    Encode {
        /// Index of the span.
        index: usize,
        /// The cause.
        source: EncodeError,
    },
}

impl PacketError {
    /// Index of the span that is left out.
    #[must_use]
    pub fn index(&self) -> usize {
        match self {
            Self::TooLarge { index, .. } | Self::Encode { index, .. } => *index,
        }
    }
}

/// Yields datagrams. Made by [`split_emit_batch_compact`].
#[derive(Clone, Debug)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Packets<'s> {
    head: Result<Vec<u8>, EncodeError>,
    spans: &'s [Span<'s>],
    max_packet: usize,
    /// First span that is not in an item yet.
    next: usize,
    /// The encoded spans of the current datagram; the buffer is reused.
    body: Vec<u8>,
}

impl Packets<'_> {
    fn packet(&mut self) -> Result<Datagram, PacketError> {
        let first = self.next;
        let head = self.head.as_ref().map_err(|source| PacketError::Encode {
            index: first,
            source: *source,
        })?;
        self.body.clear();
        let mut taken = 0;
        for one in self.spans.get(first..).unwrap_or_default() {
            let before = self.body.len();
            let encoded = all_or_nothing(&mut self.body, |out| {
                span(&mut CompactWriter::new(out), one)
            });
            let bytes = head.len()
                + CompactWriter::list_header_bytes(taken + 1)
                + self.body.len()
                + STOPS.len();
            if encoded.is_ok() && bytes <= self.max_packet {
                taken += 1;
                continue;
            }
            if taken > 0 {
                // The span that does not fit starts the next datagram.
                self.body.truncate(before);
                break;
            }
            return Err(match encoded {
                Ok(()) => PacketError::TooLarge {
                    index: first,
                    bytes,
                    max_packet: self.max_packet,
                },
                Err(source) => PacketError::Encode {
                    index: first,
                    source,
                },
            });
        }
        let length =
            head.len() + CompactWriter::list_header_bytes(taken) + self.body.len() + STOPS.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(head);
        CompactWriter::new(&mut bytes)
            .list_begin(Kind::Struct, taken)
            .map_err(|source| PacketError::Encode {
                index: first,
                source,
            })?;
        bytes.extend_from_slice(&self.body);
        bytes.extend_from_slice(&STOPS);
        Ok(Datagram {
            bytes,
            spans: first..first + taken,
        })
    }
}

impl Iterator for Packets<'_> {
    type Item = Result<Datagram, PacketError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.spans.len() {
            return None;
        }
        let packet = self.packet();
        self.next += packet.as_ref().map_or(1, |datagram| datagram.spans.len());
        Some(packet)
    }
}

impl std::iter::FusedIterator for Packets<'_> {}
