//! A span, as an exporter gets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_sdk::EndedSpan;
use lianlu_wire::otlp::{self, AnyValue, ReadError};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceId};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::describe::keys::LIANLU_CANCELLED;

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TestSpan {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// Its ids, flags and state.
    pub context: SpanContext,
    /// The id of the parent, or [`SpanId::INVALID`].
    pub parent_span_id: SpanId,
    /// The start.
    pub start: SystemTime,
    /// The end.
    pub end: SystemTime,
    /// The status.
    pub status: Status,
    /// The attributes, in the order in which they were set.
    pub attributes: Vec<KeyValue>,
    /// The events: their names and attributes.
    pub events: Vec<(String, Vec<KeyValue>)>,
    /// The ids of the linked spans.
    pub links: Vec<(TraceId, SpanId)>,
    pub(super) has_response: bool,
}

impl TestSpan {
    pub(super) fn new(ended: &EndedSpan<'_>, has_response: bool) -> Self {
        let span = ended.span();
        let events = span.events().flatten();
        let links = span.links().flatten();
        let attributes = attributes(span.attributes());
        let has_status = |it: &KeyValue| it.key.as_str() == "http.response.status_code";
        Self {
            name: span.name.to_owned(),
            kind: kind(span.kind),
            context: ended.span_context().clone(),
            parent_span_id: SpanId::from_bytes(span.parent_span_id),
            start: time(span.start_unix_nanos),
            end: time(span.end_unix_nanos),
            status: match span.status.code {
                1 => Status::Ok,
                2 => Status::error(span.status.message.to_owned()),
                _ => Status::Unset,
            },
            events: events
                .map(|event| (event.name.to_owned(), self::attributes(event.attributes())))
                .collect(),
            links: links
                .map(|link| {
                    (
                        TraceId::from_bytes(link.trace_id),
                        SpanId::from_bytes(link.span_id),
                    )
                })
                .collect(),
            has_response: has_response || attributes.iter().any(has_status),
            attributes,
        }
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        let found = self.attributes.iter().find(|it| it.key.as_str() == key);
        found.map(|it| &it.value)
    }

    /// Whether `parent` is this span's parent.
    #[must_use]
    pub fn is_child_of(&self, parent: &Self) -> bool {
        self.parent_span_id == parent.context.span_id()
            && self.context.trace_id() == parent.context.trace_id()
    }

    /// Whether this call was dropped, by its caller or its server, before there was a response.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.was_dropped() && !self.has_response
    }

    /// Whether there was a response, but its body was dropped before it was read to its end.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        self.was_dropped() && self.has_response
    }

    fn was_dropped(&self) -> bool {
        self.attribute(LIANLU_CANCELLED) == Some(&Value::Bool(true))
    }
}

pub(super) fn kind(kind: i32) -> SpanKind {
    match kind {
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn attributes<'a>(
    list: impl Iterator<Item = Result<otlp::KeyValue<'a>, ReadError>>,
) -> Vec<KeyValue> {
    list.flatten()
        .map(|it| KeyValue::new(it.key.to_owned(), value(&it.value)))
        .collect()
}

fn value(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::String(text) => Value::String((*text).to_owned().into()),
        AnyValue::Bool(value) => Value::Bool(*value),
        AnyValue::Int(value) => Value::I64(*value),
        AnyValue::Double(value) => Value::F64(*value),
        AnyValue::Array(array) => Value::Array(self::array(
            array.values().flatten().map(|it| self::value(&it)),
        )),
        // The API has no such value.
        other => Value::String(format!("{other:?}").into()),
    }
}

/// An array of the API has values of one type.
fn array(values: impl Iterator<Item = Value>) -> Array {
    let (mut bools, mut ints, mut floats, mut texts) = (vec![], vec![], vec![], vec![]);
    for value in values {
        match value {
            Value::Bool(value) => bools.push(value),
            Value::I64(value) => ints.push(value),
            Value::F64(value) => floats.push(value),
            other => texts.push(StringValue::from(other)),
        }
    }
    match () {
        () if !bools.is_empty() => Array::Bool(bools),
        () if !ints.is_empty() => Array::I64(ints),
        () if !floats.is_empty() => Array::F64(floats),
        () => Array::String(texts),
    }
}
