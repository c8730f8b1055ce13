//! Reads OTLP without copies: each view is a slice of the input plus the message's scalar fields.
//!
//! ```text
//! Request ─► ResourceSpans ─► ScopeSpans ─► Span ─► KeyValue ─► AnyValue ─► AnyValue …
//!              Resource         Scope        ├───► Event ─► KeyValue
//!                                            └───► Link  ─► KeyValue
//! ```
//!
//! Making a view reads the scalar fields of its message; nested messages are read on demand. So the
//! iterators yield `Result`s and end after the first error.
//!
//! The rules are protobuf's: fields come in any order, unknown fields are skipped, and the last of
//! a repeated scalar field wins. One rule is simpler: if a singular *message* (a resource, a scope,
//! a status, a value) occurs twice, the last one replaces the first, where protobuf would merge
//! them. No encoder writes such messages. A known field with another wire type is an error, as in
//! prost.

mod any_value;
mod entity_ref;
mod error;
mod event;
mod field;
mod input;
mod key_value;
mod link;
mod repeated;
mod request;
mod run;
mod scope;
mod span;
mod validate;

pub use any_value::{AnyValue, ArrayValue, KeyValueList};
pub use entity_ref::EntityRef;
pub use error::ReadError;
pub use event::Event;
pub use key_value::KeyValue;
pub use link::Link;
pub use repeated::Repeated;
pub use request::{Request, Resource, ResourceSpans};
pub use run::{Attributes, RawAttribute, RawSpan, RawSpans, Spans, find_attribute};
pub use scope::{Scope, ScopeSpans};
pub use span::{Span, Status};

/// Maximum depth of nested values; an attribute's own value is the first level.
pub const MAX_VALUE_DEPTH: usize = 32;
