//! Converts OpenTelemetry spans to Zipkin spans.

use std::borrow::Cow;

use lianlu_wire::otlp::{self, AnyValue, Event, KeyValue, ReadError, Scope};
use lianlu_wire::zipkin::{Annotation, Endpoint, Kind, Span};

use super::remote_endpoint::remote_endpoint;
use crate::export::batch::Batch;
use crate::export::value::{push_json_object, push_json_text, service_name, text};

const ERROR: &str = "error";
const STATUS_CODE: &str = "otel.status_code";

/// The spans of the batch, in order.
pub(super) fn spans(batch: &Batch) -> Result<Vec<Span<'_>>, ReadError> {
    let service = service_name(&batch.parse_resource()?)?;
    let mut spans = Vec::with_capacity(batch.len());
    for scope_spans in batch.scopes() {
        let scope = scope_spans.parse_scope()?;
        for it in scope_spans.spans() {
            spans.push(span(&it?, &scope, service.clone())?);
        }
    }
    Ok(spans)
}

fn span<'a>(
    span: &otlp::Span<'a>,
    scope: &Scope<'a>,
    service_name: Cow<'a, str>,
) -> Result<Span<'a>, ReadError> {
    let nanos = span.end_unix_nanos.saturating_sub(span.start_unix_nanos);
    let parent = u64::from_be_bytes(span.parent_span_id);
    Ok(Span {
        trace_id: u128::from_be_bytes(span.trace_id),
        id: u64::from_be_bytes(span.span_id),
        parent_id: (parent != 0).then_some(parent),
        name: Cow::Borrowed(span.name),
        kind: match span.kind {
            2 => Some(Kind::Server),
            3 => Some(Kind::Client),
            4 => Some(Kind::Producer),
            5 => Some(Kind::Consumer),
            _ => None,
        },
        timestamp: Some(span.start_unix_nanos / 1_000),
        // Zipkin interprets 0 as unknown.
        duration: Some((nanos / 1_000).max(1)),
        local_endpoint: Endpoint {
            service_name,
            ..Endpoint::default()
        },
        remote_endpoint: remote_endpoint(span)?,
        annotations: span.events().map(annotation).collect::<Result<_, _>>()?,
        tags: tags(span, scope)?,
        ..Span::default()
    })
}

type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The span's attributes, followed by the exporter's own tags, which replace attributes of the same
/// key.
fn tags<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Result<Vec<Tag<'a>>, ReadError> {
    let own = own_tags(span, scope);
    let mut tags = Vec::new();
    for attribute in span.attributes() {
        let KeyValue { key, value, .. } = attribute?;
        let is_own = own.iter().any(|(own, _)| own == key);
        if !is_own && !is_false_error(key, value) {
            tags.push((key.into(), text(value)?));
        }
    }
    tags.extend(own);
    Ok(tags)
}

/// Zipkin considers a span with this tag failed, whatever its value.
fn is_false_error(key: &str, value: AnyValue<'_>) -> bool {
    key == ERROR && matches!(value, AnyValue::Bool(false) | AnyValue::String("false"))
}

fn own_tags<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Vec<Tag<'a>> {
    let mut tags: Vec<Tag<'a>> = Vec::new();
    let message = span.status.message;
    match span.status.code {
        1 => tags.push((STATUS_CODE.into(), "OK".into())),
        2 => {
            tags.push((STATUS_CODE.into(), "ERROR".into()));
            tags.push((ERROR.into(), message.into()));
        }
        _ => {}
    }
    // Collectors read the description from this key, and `error` only as a flag.
    let description = match span.status.code {
        2 => message,
        _ => "",
    };
    for (key, value) in [
        ("otel.status_description", description),
        ("otel.scope.name", scope.name),
        ("otel.scope.version", scope.version),
    ] {
        if !value.is_empty() {
            tags.push((key.into(), value.into()));
        }
    }
    for (key, dropped) in [
        ("otel.dropped_attributes_count", span.dropped_attributes),
        ("otel.dropped_events_count", span.dropped_events),
        ("otel.dropped_links_count", span.dropped_links),
    ] {
        if dropped > 0 {
            tags.push((key.into(), dropped.to_string().into()));
        }
    }
    tags
}

/// The event's name, followed by its attributes as a JSON object if it has any.
fn annotation(event: Result<Event<'_>, ReadError>) -> Result<Annotation<'_>, ReadError> {
    let event = event?;
    let value = if event.attributes().next().is_none() {
        Cow::Borrowed(event.name)
    } else {
        let mut out = String::new();
        push_json_text(&mut out, event.name);
        out.push(':');
        push_json_object(&mut out, event.attributes())?;
        Cow::Owned(out)
    };
    Ok(Annotation {
        timestamp: event.unix_nanos / 1_000,
        value,
    })
}
