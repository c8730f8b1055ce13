//! OTLP, OpenTelemetry's own format: writes spans directly as protobuf bytes and reads them without
//! copies.
//!
//! ```text
//! ExportTraceServiceRequest = 0x0a len ResourceSpans …
//! ResourceSpans             = 0x0a len Resource · 0x12 len ScopeSpans …          · 0x1a len schema_url
//! ScopeSpans                = 0x0a len Scope    · 0x12 len Span · 0x12 len Span … · 0x1a len schema_url
//! ```
//!
//! There is no tree of structs. A span is written once, as a complete `0x12 len Span`. The spans of
//! one scope are therefore a byte run that can be appended to another, stored on disk and sent
//! unchanged, with resource and scope written once in front. Follows [opentelemetry-proto
//! 1.11](https://github.com/open-telemetry/opentelemetry-proto/tree/v1.11.0).

#[cfg(feature = "opentelemetry")]
mod api;
mod attributes;
#[cfg(feature = "otlp-json")]
mod json;
mod key;
mod message;
mod read;
mod value;
mod varint;

#[cfg(feature = "opentelemetry")]
pub use api::put_value;
pub use attributes::{AttributeBlock, AttributeLimits, EncodedAttributes, cut};
#[cfg(feature = "otlp-json")]
pub use json::{JsonError, write_json};
pub use key::StaticKey;
#[doc(hidden)]
pub use key::{EncodedKey, encode_key};
pub use message::{
    Envelope, EventHead, LinkHead, SpanHead, StatusCode, put_described_span, put_dropped,
    put_event, put_link, put_scope, put_span, put_span_fields, put_status, span_flags,
};
pub use read::{
    AnyValue, ArrayValue, Attributes, EntityRef, Event, KeyValue, KeyValueList, Link,
    MAX_VALUE_DEPTH, RawAttribute, RawSpan, RawSpans, ReadError, Repeated, Request, Resource,
    ResourceSpans, Scope, ScopeSpans, Span, Spans, Status, find_attribute,
};
pub use value::{
    AttributeKey, AttributeOf, Elements, put_array, put_bool, put_bytes, put_double, put_int,
    put_str,
};
pub use varint::{put_len_prefixed, put_varint, varint_len};
