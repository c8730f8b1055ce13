//! Decodes OTLP bytes to the types of `opentelemetry_sdk`.
#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)] // test helpers fail by panicking

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_sdk::{Batch, Export, Failure};
use lianlu_wire::otlp::{self, AnyValue, ReadError};
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// An exporter that collects the spans.
#[derive(Debug, Clone, Default)]
pub struct Collected(Arc<Mutex<Vec<SpanData>>>);

impl Collected {
    /// In order of arrival.
    pub fn all(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }
}

impl Export for Collected {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.lock().unwrap().extend(decoded(batch));
        Ok(())
    }
}

/// All spans of a batch.
fn decoded(batch: &Batch) -> Vec<SpanData> {
    let scopes = batch.scopes().map(|scope| {
        let of = self::scope(&scope.parse_scope().unwrap(), scope.schema_url());
        let spans = scope
            .spans()
            .map(move |span| self::span(&span.unwrap(), &of));
        spans.collect::<Vec<_>>()
    });
    scopes.flatten().collect()
}

fn scope(scope: &otlp::Scope<'_>, schema_url: &str) -> InstrumentationScope {
    let mut builder = InstrumentationScope::builder(scope.name.to_owned())
        .with_attributes(attributes(scope.attributes()));
    if !scope.version.is_empty() {
        builder = builder.with_version(scope.version.to_owned());
    }
    if !schema_url.is_empty() {
        builder = builder.with_schema_url(schema_url.to_owned());
    }
    builder.build()
}

fn span(span: &otlp::Span<'_>, scope: &InstrumentationScope) -> SpanData {
    let (flags, parent_span_is_remote) = self::flags(span.flags);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(span.trace_id),
            SpanId::from_bytes(span.span_id),
            flags,
            false,
            state(span.trace_state),
        ),
        parent_span_id: SpanId::from_bytes(span.parent_span_id),
        parent_span_is_remote,
        span_kind: match span.kind {
            1 => SpanKind::Internal,
            2 => SpanKind::Server,
            3 => SpanKind::Client,
            4 => SpanKind::Producer,
            5 => SpanKind::Consumer,
            other => panic!("kind {other} of {}", span.name),
        },
        name: span.name.to_owned().into(),
        start_time: time(span.start_unix_nanos),
        end_time: time(span.end_unix_nanos),
        attributes: attributes(span.attributes()),
        dropped_attributes_count: span.dropped_attributes,
        events: events(span),
        links: links(span),
        status: match (span.status.code, span.status.message) {
            (0, "") => Status::Unset,
            (1, "") => Status::Ok,
            (2, message) => Status::error(message.to_owned()),
            other => panic!("status {other:?} of {}", span.name),
        },
        instrumentation_scope: scope.clone(),
    }
}

fn events(span: &otlp::Span<'_>) -> SpanEvents {
    let mut events = SpanEvents::default();
    events.events = span
        .events()
        .map(Result::unwrap)
        .map(|event| {
            Event::new(
                event.name.to_owned(),
                time(event.unix_nanos),
                attributes(event.attributes()),
                event.dropped_attributes,
            )
        })
        .collect();
    events.dropped_count = span.dropped_events;
    events
}

fn links(span: &otlp::Span<'_>) -> SpanLinks {
    let mut links = SpanLinks::default();
    links.links = span
        .links()
        .map(Result::unwrap)
        .map(|link| {
            let (flags, is_remote) = flags(link.flags);
            let context = SpanContext::new(
                TraceId::from_bytes(link.trace_id),
                SpanId::from_bytes(link.span_id),
                flags,
                is_remote,
                state(link.trace_state),
            );
            Link::new(
                context,
                attributes(link.attributes()),
                link.dropped_attributes,
            )
        })
        .collect();
    links.dropped_count = span.dropped_links;
    links
}

/// The W3C flags, and whether the context is remote, which must be encoded in either case.
fn flags(flags: u32) -> (TraceFlags, bool) {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    assert_ne!(flags & HAS_IS_REMOTE, 0, "{flags:#x}");
    assert_eq!(flags >> 10, 0, "{flags:#x}");
    let [w3c, ..] = flags.to_le_bytes();
    (TraceFlags::new(w3c), flags & IS_REMOTE != 0)
}

fn state(text: &str) -> TraceState {
    text.parse().unwrap()
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn attributes<'a>(
    list: impl Iterator<Item = Result<otlp::KeyValue<'a>, ReadError>>,
) -> Vec<KeyValue> {
    list.map(Result::unwrap)
        .map(|it| KeyValue::new(it.key.to_owned(), value(&it.value)))
        .collect()
}

fn value(value: &AnyValue<'_>) -> Value {
    match value {
        AnyValue::String(text) => Value::String((*text).to_owned().into()),
        AnyValue::Bool(value) => Value::Bool(*value),
        AnyValue::Int(value) => Value::I64(*value),
        AnyValue::Double(value) => Value::F64(*value),
        // The API has no such value.
        AnyValue::Bytes(bytes) => Value::String(format!("bytes {bytes:?}").into()),
        AnyValue::Array(array) => {
            let values: Vec<_> = array.values().map(Result::unwrap).collect();
            Value::Array(self::array(&values))
        }
        other => panic!("no value of an attribute: {other:?}"),
    }
}

/// An array, of the type of its first value; an empty one is of strings.
fn array(values: &[AnyValue<'_>]) -> Array {
    fn all<'a, T>(values: &[AnyValue<'a>], each: impl Fn(&AnyValue<'a>) -> Option<T>) -> Vec<T> {
        let each = |value| each(value).unwrap_or_else(|| panic!("mixed: {values:?}"));
        values.iter().map(each).collect()
    }
    match values.first() {
        Some(AnyValue::Bool(_)) => Array::Bool(all(values, |value| match value {
            AnyValue::Bool(value) => Some(*value),
            _ => None,
        })),
        Some(AnyValue::Int(_)) => Array::I64(all(values, |value| match value {
            AnyValue::Int(value) => Some(*value),
            _ => None,
        })),
        Some(AnyValue::Double(_)) => Array::F64(all(values, |value| match value {
            AnyValue::Double(value) => Some(*value),
            _ => None,
        })),
        _ => Array::String(all(values, |value| match value {
            AnyValue::String(text) => Some(StringValue::from((*text).to_owned())),
            _ => None,
        })),
    }
}
