//! Reads OTLP without copies: each view is a slice of the input and the few fields that are always wanted.
//!
//! ```text
//! Request ─► ResourceSpans ─► ScopeSpans ─► Span ─► KeyValue ─► AnyValue ─► AnyValue …
//!              Resource         Scope        ├───► Event ─► KeyValue
//!                                            └───► Link  ─► KeyValue
//! ```
//!
//! A message is read when its view is made: its own fields then, the messages in it when they are asked for. So an
//! iterator yields `Result`s, and the first error ends it.
//!
//! The rules are protobuf's: fields come in any order, unknown ones are passed over, of a field that comes twice the
//! last counts. One rule is simpler: of a *message* that comes twice where one is meant (a resource, a scope, a
//! status, a value) the last counts as a whole, where protobuf would merge the two. No encoder writes such. A known
//! field with another wire type is an error, as it is to prost.

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

/// Most levels of values in values: an attribute's own value is the first.
pub const MAX_VALUE_DEPTH: usize = 32;
