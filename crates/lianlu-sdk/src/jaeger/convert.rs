//! OpenTelemetry's spans as Jaeger's.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_wire::jaeger::{Log, Process, RefType, Span, SpanRef, Tag, TagValue};
use opentelemetry::trace::{Event, Link, SpanKind, Status};
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

use crate::resource::service_name;

/// The resource, kept to be borrowed for each batch.
#[derive(Debug)]
pub(super) struct OwnedProcess {
    service_name: String,
    attributes: Vec<(Key, Value)>,
}

impl OwnedProcess {
    pub(super) fn new(resource: &Resource) -> Self {
        Self {
            service_name: service_name(resource),
            attributes: other_attributes(resource),
        }
    }

    pub(super) fn borrow(&self) -> Process<'_> {
        Process {
            service_name: Cow::Borrowed(&self.service_name),
            tags: self
                .attributes
                .iter()
                .map(|(key, value)| tag(key.as_str(), value))
                .collect(),
        }
    }
}

/// Everything but the service's name, sorted by key.
fn other_attributes(resource: &Resource) -> Vec<(Key, Value)> {
    let mut attributes: Vec<_> = resource
        .iter()
        .filter(|(key, _)| key.as_str() != SERVICE_NAME)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    attributes
}

pub(super) fn span(span: &SpanData) -> Span<'_> {
    let context = &span.span_context;
    Span {
        trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
        span_id: id(context.span_id().to_bytes()),
        parent_span_id: id(span.parent_span_id.to_bytes()),
        operation_name: Cow::Borrowed(&span.name),
        references: span.links.iter().map(reference).collect(),
        flags: i32::from(context.trace_flags().to_u8()),
        start_time: micros(span.start_time),
        duration: as_micros(
            span.end_time
                .duration_since(span.start_time)
                .unwrap_or_default(),
        ),
        tags: tags(span),
        logs: span.events.iter().map(log).collect(),
    }
}

fn tags(span: &SpanData) -> Vec<Tag<'_>> {
    let mut tags: Vec<_> = span.attributes.iter().map(key_value).collect();
    let text = |value: &'static str| TagValue::String(value.into());
    tags.push(Tag::new(
        "span.kind",
        text(match span.span_kind {
            SpanKind::Client => "client",
            SpanKind::Server => "server",
            SpanKind::Producer => "producer",
            SpanKind::Consumer => "consumer",
            SpanKind::Internal => "internal",
        }),
    ));
    match &span.status {
        Status::Unset => {}
        Status::Ok => tags.push(Tag::new("otel.status_code", text("OK"))),
        Status::Error { description } => {
            tags.push(Tag::new("otel.status_code", text("ERROR")));
            tags.push(Tag::new("error", TagValue::Bool(true)));
            if !description.is_empty() {
                let description = TagValue::String(Cow::Borrowed(description));
                tags.push(Tag::new("otel.status_description", description));
            }
        }
    }
    let scope = &span.instrumentation_scope;
    if !scope.name().is_empty() {
        let name = TagValue::String(scope.name().into());
        tags.push(Tag::new("otel.scope.name", name));
    }
    if let Some(version) = scope.version() {
        let version = TagValue::String(version.into());
        tags.push(Tag::new("otel.scope.version", version));
    }
    let state = span.span_context.trace_state().header();
    if !state.is_empty() {
        tags.push(Tag::new("w3c.tracestate", TagValue::String(state.into())));
    }
    for (key, dropped) in [
        (
            "otel.dropped_attributes_count",
            span.dropped_attributes_count,
        ),
        ("otel.dropped_events_count", span.events.dropped_count),
        ("otel.dropped_links_count", span.links.dropped_count),
    ] {
        if dropped > 0 {
            tags.push(Tag::new(key, TagValue::Long(i64::from(dropped))));
        }
    }
    tags
}

fn log(event: &Event) -> Log<'_> {
    let mut fields: Vec<_> = event.attributes.iter().map(key_value).collect();
    if !fields.iter().any(|field| field.key == "event") {
        let name = TagValue::String(Cow::Borrowed(&event.name));
        fields.insert(0, Tag::new("event", name));
    }
    if event.dropped_attributes_count > 0 {
        let dropped = TagValue::Long(i64::from(event.dropped_attributes_count));
        fields.push(Tag::new("otel.event.dropped_attributes_count", dropped));
    }
    Log {
        timestamp: micros(event.timestamp),
        fields,
    }
}

fn reference(link: &Link) -> SpanRef {
    SpanRef {
        ref_type: RefType::FollowsFrom,
        trace_id: u128::from_be_bytes(link.span_context.trace_id().to_bytes()),
        span_id: id(link.span_context.span_id().to_bytes()),
    }
}

fn key_value(attribute: &KeyValue) -> Tag<'_> {
    tag(attribute.key.as_str(), &attribute.value)
}

fn tag<'a>(key: &'a str, value: &'a Value) -> Tag<'a> {
    let value = match value {
        Value::Bool(value) => TagValue::Bool(*value),
        Value::I64(value) => TagValue::Long(*value),
        Value::F64(value) => TagValue::Double(*value),
        Value::String(value) => TagValue::String(Cow::Borrowed(value.as_str())),
        // Arrays have no type in Jaeger; OpenTelemetry's text for them is JSON.
        value => TagValue::String(value.as_str()),
    };
    Tag::new(key, value)
}

fn id(bytes: [u8; 8]) -> u64 {
    u64::from_be_bytes(bytes)
}

fn micros(time: SystemTime) -> i64 {
    as_micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn as_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
