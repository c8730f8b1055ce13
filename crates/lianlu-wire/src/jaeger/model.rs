//! The structs of jaeger.thrift. Text is borrowed where possible.

use std::borrow::Cow;

/// Spans of one process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch<'a> {
    /// The process that made the spans.
    pub process: Process<'a>,
    /// The spans, of any traces.
    pub spans: Vec<Span<'a>>,
}

/// The traced process: OpenTelemetry's resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Process<'a> {
    /// OpenTelemetry's `service.name`.
    pub service_name: Cow<'a, str>,
    /// The other resource attributes.
    pub tags: Vec<Tag<'a>>,
}

/// One unit of work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span<'a> {
    /// The trace; the high 64 bits are 0 for 64-bit trace ids of old clients.
    pub trace_id: u128,
    /// This span.
    pub span_id: u64,
    /// The parent within the same trace, 0 for a root.
    pub parent_span_id: u64,
    /// OpenTelemetry's span name.
    pub operation_name: Cow<'a, str>,
    /// References to other spans.
    pub references: Vec<SpanRef>,
    /// Bit 0x01 is sampled, bit 0x02 debug.
    pub flags: i32,
    /// Start, in microseconds since 1970-01-01 UTC.
    pub start_time: i64,
    /// Duration in microseconds.
    pub duration: i64,
    /// Attributes.
    pub tags: Vec<Tag<'a>>,
    /// Events.
    pub logs: Vec<Log<'a>>,
}

/// A link to another span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanRef {
    /// The kind of reference.
    pub ref_type: RefType,
    /// The other span's trace.
    pub trace_id: u128,
    /// The other span.
    pub span_id: u64,
}

/// The kind of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefType {
    /// The referenced span waits for this one.
    ChildOf,
    /// The referenced span does not wait.
    FollowsFrom,
}

/// An event within a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log<'a> {
    /// Time, in microseconds since 1970-01-01 UTC.
    pub timestamp: i64,
    /// What happened; the event's name is the field `event`.
    pub fields: Vec<Tag<'a>>,
}

/// A key with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag<'a> {
    /// The attribute's key.
    pub key: Cow<'a, str>,
    /// The attribute's value.
    pub value: TagValue<'a>,
}

impl<'a> Tag<'a> {
    /// A tag from a key and a value.
    pub fn new(key: impl Into<Cow<'a, str>>, value: TagValue<'a>) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// Value of a [`Tag`]. Jaeger has no arrays and maps; OpenTelemetry writes them as JSON text.
#[derive(Clone, Debug, PartialEq)]
pub enum TagValue<'a> {
    /// Text.
    String(Cow<'a, str>),
    /// A floating point number.
    Double(f64),
    /// True or false.
    Bool(bool),
    /// An integer.
    Long(i64),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}
