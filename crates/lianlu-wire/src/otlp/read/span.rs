//! Spans.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{Event, KeyValue, Link, ReadError};

/// A span: scalar fields are parsed, attributes, events and links on demand.
///
/// See
/// [trace.proto](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Span<'a> {
    pub(super) message: Input<'a>,
    /// Big-endian. All zero when absent.
    pub trace_id: [u8; 16],
    /// Big-endian. All zero when absent.
    pub span_id: [u8; 8],
    /// Big-endian. All zero for a root span.
    pub parent_span_id: [u8; 8],
    /// The W3C `tracestate`, not validated.
    pub trace_state: &'a str,
    /// The W3C flags, and whether the parent is remote, see
    /// [`span_flags`](crate::otlp::span_flags).
    pub flags: u32,
    /// The span's name.
    pub name: &'a str,
    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer; unknown
    /// values are kept.
    pub kind: i32,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
    /// Number of dropped attributes.
    pub dropped_attributes: u32,
    /// Number of dropped events.
    pub dropped_events: u32,
    /// Number of dropped links.
    pub dropped_links: u32,
    /// The span's status. An absent status is unset.
    pub status: Status<'a>,
}

/// The status of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status<'a> {
    /// 0 unset, 1 ok, 2 error; unknown values are kept.
    pub code: i32,
    /// A description of the error, for developers.
    pub message: &'a str,
    /// Whether the span has a status, even an empty one.
    pub is_present: bool,
}

impl<'a> Span<'a> {
    /// Parses a span's message, without tag and length.
    ///
    /// Attributes, events and links are only located, not parsed yet.
    ///
    /// # Errors
    ///
    /// [`ReadError`] with the byte offset at which the message is malformed.
    ///
    /// # Examples
    ///
    /// ```
    /// use lianlu_wire::otlp::{ReadError, Span};
    ///
    /// // Field 5, the name, of 3 bytes; field 6, the kind.
    /// let span = Span::parse(b"\x2a\x03GET\x30\x02")?;
    /// assert_eq!((span.name, span.kind), ("GET", 2));
    /// // A name of 4 GB.
    /// let error = Span::parse(b"\x2a\xff\xff\xff\xff\x0fGET").unwrap_err();
    /// assert_eq!(error.to_string(), "byte 6: a value of 4294967295 bytes expected, 3 left");
    /// # Ok::<(), ReadError>(())
    /// ```
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Self::read(Message(Input::new(bytes)))
    }

    /// The message, without tag and length.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.message.bytes()
    }

    /// Field 9.
    #[inline]
    pub fn attributes(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.message, 0x4a, FIELDS)
    }

    /// Field 11.
    #[inline]
    pub fn events(&self) -> Repeated<'a, Event<'a>> {
        Repeated::new(self.message, 0x5a, FIELDS)
    }

    /// Field 13.
    #[inline]
    pub fn links(&self) -> Repeated<'a, Link<'a>> {
        Repeated::new(self.message, 0x6a, FIELDS)
    }
}

impl<'a> Element<'a> for Span<'a> {
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut span = Self {
            message,
            trace_id: [0; 16],
            span_id: [0; 8],
            parent_span_id: [0; 8],
            trace_state: "",
            flags: 0,
            name: "",
            kind: 0,
            start_unix_nanos: 0,
            end_unix_nanos: 0,
            dropped_attributes: 0,
            dropped_events: 0,
            dropped_links: 0,
            status: Status::default(),
        };
        let mut rest = message;
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => span.trace_id = rest.id(tag, FIELDS)?,
                0x12 => span.span_id = rest.id(tag, FIELDS)?,
                0x1a => span.trace_state = rest.text(tag, FIELDS)?,
                0x22 => span.parent_span_id = rest.id(tag, FIELDS)?,
                0x2a => span.name = rest.text(tag, FIELDS)?,
                0x30 => span.kind = rest.int32()?,
                0x39 => span.start_unix_nanos = rest.fixed64()?,
                0x41 => span.end_unix_nanos = rest.fixed64()?,
                0x4a | 0x5a | 0x6a => rest.skip(tag)?,
                0x50 => span.dropped_attributes = rest.uint32()?,
                0x60 => span.dropped_events = rest.uint32()?,
                0x70 => span.dropped_links = rest.uint32()?,
                0x7a => span.status = Status::read(rest.delimited()?)?,
                0x85 => span.flags = rest.fixed32()?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(span)
    }
}

impl<'a> Status<'a> {
    fn read(mut rest: Input<'a>) -> Result<Self, ReadError> {
        let mut status = Self {
            is_present: true,
            ..Self::default()
        };
        while let Some(tag) = rest.tag()? {
            match tag {
                0x12 => status.message = rest.text(tag, STATUS)?,
                0x18 => status.code = rest.int32()?,
                _ => rest.unknown(tag, STATUS)?,
            }
        }
        Ok(status)
    }
}

static FIELDS: FieldNames = &[
    "",
    "Span.trace_id",
    "Span.span_id",
    "Span.trace_state",
    "Span.parent_span_id",
    "Span.name",
    "Span.kind",
    "Span.start_time_unix_nano",
    "Span.end_time_unix_nano",
    "Span.attributes",
    "Span.dropped_attributes_count",
    "Span.events",
    "Span.dropped_events_count",
    "Span.links",
    "Span.dropped_links_count",
    "Span.status",
    "Span.flags",
];

static STATUS: FieldNames = &["", "", "Status.message", "Status.code"];
