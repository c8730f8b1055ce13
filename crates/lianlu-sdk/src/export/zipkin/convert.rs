//! Converts OpenTelemetry spans to Zipkin spans.

use std::borrow::Cow;

use lianlu_wire::otlp::{self, AnyValue, Event, KeyValue, ReadError, Resource, Scope};
use lianlu_wire::zipkin::{Annotation, Endpoint, Kind, Span};
use opentelemetry_semantic_conventions::resource::SERVICE_NAMESPACE;

use super::remote_endpoint::remote_endpoint;
use crate::export::batch::Batch;
use crate::export::non_otlp::{dropped_counts, scope_texts};
use crate::export::value::{push_json_object, push_json_text, service_name, text};

const ERROR: &str = "error";
const STATUS_CODE: &str = "otel.status_code";

/// The spans of the batch, in order.
pub(super) fn spans(batch: &Batch) -> Result<Vec<Span<'_>>, ReadError> {
    let resource = batch.parse_resource()?;
    let service = service_name(&resource)?;
    let namespace = namespace(&resource)?;
    let mut spans = Vec::with_capacity(batch.len());
    for scope_spans in batch.scopes() {
        let scope = scope_spans.parse_scope()?;
        for it in scope_spans.spans() {
            spans.push(span(&it?, &scope, service.clone(), namespace.clone())?);
        }
    }
    Ok(spans)
}

fn span<'a>(
    span: &otlp::Span<'a>,
    scope: &Scope<'a>,
    service_name: Cow<'a, str>,
    namespace: Option<Cow<'a, str>>,
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
        tags: tags(span, scope, namespace)?,
        ..Span::default()
    })
}

type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The resource's `service.namespace`, which is not a part of the service's name.
fn namespace<'a>(resource: &Resource<'a>) -> Result<Option<Cow<'a, str>>, ReadError> {
    for attribute in resource.attributes() {
        let attribute = attribute?;
        if attribute.key == SERVICE_NAMESPACE {
            return text(attribute.value).map(Some);
        }
    }
    Ok(None)
}

/// The span's attributes and those of its scope, and the exporter's own tags, which replace
/// attributes of the same key.
fn tags<'a>(
    span: &otlp::Span<'a>,
    scope: &Scope<'a>,
    namespace: Option<Cow<'a, str>>,
) -> Result<Vec<Tag<'a>>, ReadError> {
    let own = own_tags(span, scope);
    let mut tags: Vec<Tag<'a>> = Vec::new();
    for attribute in span.attributes().chain(scope.attributes()) {
        let KeyValue { key, value, .. } = attribute?;
        let is_there = own.iter().chain(&tags).any(|(known, _)| known == key);
        if !is_there && !is_false_error(key, value) {
            tags.push((key.into(), text(value)?));
        }
    }
    if let Some(namespace) = namespace
        && !tags.iter().any(|(key, _)| key == SERVICE_NAMESPACE)
    {
        tags.push((SERVICE_NAMESPACE.into(), namespace));
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
    if !description.is_empty() {
        tags.push(("otel.status_description".into(), description.into()));
    }
    tags.extend(scope_texts(scope).map(|(key, text)| (key.into(), text.into())));
    let dropped = dropped_counts(span);
    tags.extend(dropped.map(|(key, dropped)| (key.into(), dropped.to_string().into())));
    tags
}

/// The event's name, followed by its attributes as a JSON object if it has any.
fn annotation(event: Result<Event<'_>, ReadError>) -> Result<Annotation<'_>, ReadError> {
    let event = event?;
    let dropped = event.dropped_attributes;
    let value = if event.attributes().next().is_none() && dropped == 0 {
        Cow::Borrowed(event.name)
    } else {
        let mut out = String::new();
        push_json_text(&mut out, event.name);
        out.push(':');
        push_json_object(&mut out, event.attributes(), dropped)?;
        Cow::Owned(out)
    };
    Ok(Annotation {
        timestamp: event.unix_nanos / 1_000,
        value,
    })
}
