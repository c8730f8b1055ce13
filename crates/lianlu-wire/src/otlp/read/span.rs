//! Spans.

use super::field::Field;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{Event, KeyValue, Link, ReadError};

/// A span: its own fields read, its lists read when they are asked for.
///
/// See [trace.proto](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Span<'a> {
    message: Input<'a>,
    /// Big-endian. All zero when absent.
    pub trace_id: [u8; 16],
    /// Big-endian. All zero when absent.
    pub span_id: [u8; 8],
    /// Big-endian. All zero for a root.
    pub parent_span_id: [u8; 8],
    /// The W3C `tracestate`, not checked.
    pub trace_state: &'a str,
    /// The W3C flags, and whether the parent is remote, see [`span_flags`](crate::otlp::span_flags).
    pub flags: u32,
    /// The span's name.
    pub name: &'a str,
    /// `SpanKind`: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer, and what the future brings.
    pub kind: i32,
    /// Nanoseconds since 1970.
    pub start_unix_nanos: u64,
    /// Nanoseconds since 1970.
    pub end_unix_nanos: u64,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// How many events were left out.
    pub dropped_events: u32,
    /// How many links were left out.
    pub dropped_links: u32,
    /// How it went. Absent is unset.
    pub status: Status<'a>,
}

/// How an operation went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status<'a> {
    /// 0 unset, 1 ok, 2 error, and what the future brings.
    pub code: i32,
    /// What went wrong, for developers.
    pub message: &'a str,
    /// Whether the span has a status, even an empty one.
    pub is_present: bool,
}

impl<'a> Span<'a> {
    /// Reads a span's message, without tag and length.
    ///
    /// Attributes, events and links are not read yet, only their places.
    ///
    /// # Errors
    ///
    /// [`ReadError`] names the byte where the message breaks.
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
        Repeated::new(self.message, 9, ATTRIBUTES)
    }

    /// Field 11.
    #[inline]
    pub fn events(&self) -> Repeated<'a, Event<'a>> {
        Repeated::new(self.message, 11, EVENTS)
    }

    /// Field 13.
    #[inline]
    pub fn links(&self) -> Repeated<'a, Link<'a>> {
        Repeated::new(self.message, 13, LINKS)
    }

    #[inline]
    fn field(&mut self, field: Field<'a>) -> Result<(), ReadError> {
        match field.number {
            1 => self.trace_id = field.id("Span.trace_id")?,
            2 => self.span_id = field.id("Span.span_id")?,
            3 => self.trace_state = field.text("Span.trace_state")?,
            4 => self.parent_span_id = field.id("Span.parent_span_id")?,
            5 => self.name = field.text("Span.name")?,
            6 => self.kind = field.int32("Span.kind")?,
            7 => self.start_unix_nanos = field.fixed64("Span.start_time_unix_nano")?,
            8 => self.end_unix_nanos = field.fixed64("Span.end_time_unix_nano")?,
            9 => drop(field.delimited(ATTRIBUTES)?),
            10 => self.dropped_attributes = field.uint32("Span.dropped_attributes_count")?,
            11 => drop(field.delimited(EVENTS)?),
            12 => self.dropped_events = field.uint32("Span.dropped_events_count")?,
            13 => drop(field.delimited(LINKS)?),
            14 => self.dropped_links = field.uint32("Span.dropped_links_count")?,
            15 => self.status = Status::read(field.delimited("Span.status")?)?,
            16 => self.flags = field.fixed32("Span.flags")?,
            _ => {}
        }
        Ok(())
    }
}

const ATTRIBUTES: &str = "Span.attributes";
const EVENTS: &str = "Span.events";
const LINKS: &str = "Span.links";

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
        while let Some(field) = rest.field()? {
            span.field(field)?;
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
        while let Some(field) = rest.field()? {
            match field.number {
                2 => status.message = field.text("Status.message")?,
                3 => status.code = field.int32("Status.code")?,
                _ => {}
            }
        }
        Ok(status)
    }
}
