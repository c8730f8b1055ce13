//! Converts OpenTelemetry spans to Jaeger spans.

use std::borrow::Cow;

use lianlu_wire::jaeger::{Log, Process, RefType, Span, SpanRef, Tag, TagValue};
use lianlu_wire::otlp::{self, AnyValue, Event, KeyValue, Link, ReadError, Scope};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

use crate::export::batch::Batch;
use crate::export::non_otlp::{dropped_counts, scope_texts};
use crate::export::value::{DROPPED_ATTRIBUTES, service_name, text};

/// The batch's resource.
pub(super) fn process(batch: &Batch) -> Result<Process<'_>, ReadError> {
    let resource = batch.parse_resource()?;
    let is_name = |attribute: &Result<KeyValue<'_>, _>| matches!(attribute, Ok(attribute) if attribute.key == SERVICE_NAME);
    Ok(Process {
        service_name: service_name(&resource)?,
        tags: resource
            .attributes()
            .filter(|attribute| !is_name(attribute))
            .map(tag)
            .collect::<Result<_, _>>()?,
    })
}

/// The spans of the batch, in order.
pub(super) fn spans(batch: &Batch) -> Result<Vec<Span<'_>>, ReadError> {
    let mut spans = Vec::with_capacity(batch.len());
    for scope_spans in batch.scopes() {
        let scope = scope_spans.parse_scope()?;
        for it in scope_spans.spans() {
            spans.push(span(&it?, &scope)?);
        }
    }
    Ok(spans)
}

fn span<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Result<Span<'a>, ReadError> {
    let nanos = span.end_unix_nanos.saturating_sub(span.start_unix_nanos);
    Ok(Span {
        trace_id: u128::from_be_bytes(span.trace_id),
        span_id: u64::from_be_bytes(span.span_id),
        parent_span_id: u64::from_be_bytes(span.parent_span_id),
        operation_name: Cow::Borrowed(span.name),
        references: span.links().map(reference).collect::<Result<_, _>>()?,
        // Only the sampled bit is equal: the next W3C bit would be Jaeger's debug flag.
        flags: i32::from(span.flags & 1 == 1),
        start_time: micros(span.start_unix_nanos),
        duration: micros(nanos),
        tags: tags(span, scope)?,
        logs: span.events().map(log).collect::<Result<_, _>>()?,
    })
}

/// The span's attributes and those of its scope, and the exporter's own tags, which replace
/// attributes of the same key.
fn tags<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Result<Vec<Tag<'a>>, ReadError> {
    let own = own_tags(span, scope);
    let mut tags: Vec<Tag<'a>> = Vec::new();
    for attribute in span.attributes().chain(scope.attributes()) {
        let tag = tag(attribute)?;
        if !own.iter().chain(&tags).any(|known| known.key == tag.key) {
            tags.push(tag);
        }
    }
    tags.extend(own);
    Ok(tags)
}

fn own_tags<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Vec<Tag<'a>> {
    let text = |key: &'static str, text: &'a str| Tag::new(key, TagValue::String(text.into()));
    let kind = match span.kind {
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "internal",
    };
    let mut tags = vec![text("span.kind", kind)];
    match span.status.code {
        1 => tags.push(text("otel.status_code", "OK")),
        2 => {
            tags.push(text("otel.status_code", "ERROR"));
            tags.push(Tag::new("error", TagValue::Bool(true)));
            if !span.status.message.is_empty() {
                tags.push(text("otel.status_description", span.status.message));
            }
        }
        _ => {}
    }
    tags.extend(scope_texts(scope).map(|(key, value)| text(key, value)));
    if !span.trace_state.is_empty() {
        tags.push(text("w3c.tracestate", span.trace_state));
    }
    let dropped = dropped_counts(span);
    tags.extend(dropped.map(|(key, dropped)| Tag::new(key, TagValue::Long(dropped.into()))));
    tags
}

fn log(event: Result<Event<'_>, ReadError>) -> Result<Log<'_>, ReadError> {
    let event = event?;
    let mut fields = event.attributes().map(tag).collect::<Result<Vec<_>, _>>()?;
    if !fields.iter().any(|field| field.key == "event") {
        let name = TagValue::String(Cow::Borrowed(event.name));
        fields.insert(0, Tag::new("event", name));
    }
    if event.dropped_attributes > 0 {
        let dropped = TagValue::Long(i64::from(event.dropped_attributes));
        fields.push(Tag::new(DROPPED_ATTRIBUTES, dropped));
    }
    Ok(Log {
        timestamp: micros(event.unix_nanos),
        fields,
    })
}

fn reference(link: Result<Link<'_>, ReadError>) -> Result<SpanRef, ReadError> {
    let link = link?;
    Ok(SpanRef {
        ref_type: RefType::FollowsFrom,
        trace_id: u128::from_be_bytes(link.trace_id),
        span_id: u64::from_be_bytes(link.span_id),
    })
}

fn tag(attribute: Result<KeyValue<'_>, ReadError>) -> Result<Tag<'_>, ReadError> {
    let attribute = attribute?;
    let value = match attribute.value {
        AnyValue::Bool(value) => TagValue::Bool(value),
        AnyValue::Int(value) => TagValue::Long(value),
        AnyValue::Double(value) => TagValue::Double(value),
        AnyValue::Bytes(value) => TagValue::Binary(value.into()),
        // Jaeger has no arrays; OpenTelemetry defines JSON text for them.
        value => TagValue::String(text(value)?),
    };
    Ok(Tag::new(attribute.key, value))
}

fn micros(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000).unwrap_or(i64::MAX)
}
