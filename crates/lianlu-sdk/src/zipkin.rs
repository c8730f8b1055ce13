//! Zipkin v2 JSON over HTTP.
//!
//! How a span becomes Zipkin's follows OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/).

use std::borrow::Cow;
use std::time::Duration;

use lianlu_wire::otlp::{self, Event, KeyValue, ReadError, Scope};
use lianlu_wire::zipkin::{Annotation, Endpoint, Kind, Span, encode_spans};

use crate::batch::Batch;
use crate::endpoint::check_endpoint;
use crate::error::OptionError;
use crate::export::{Export, Failure};
use crate::http_client::HttpClient;
use crate::place::Place;
use crate::post::post;
use crate::value::{service_name, text};

/// Sends spans to Zipkin, or whatever takes its format.
#[derive(Debug)]
pub struct Exporter {
    place: Place,
    client: HttpClient,
}

impl Exporter {
    /// Posts JSON to `endpoint`, `http://localhost:9411/api/v2/spans` by default.
    ///
    /// # Errors
    ///
    /// When `endpoint` is no usable URL; the error names `option`.
    pub fn new(
        option: &'static str,
        endpoint: &str,
        timeout: Duration,
    ) -> Result<Self, OptionError> {
        Ok(Self {
            place: Place::new(check_endpoint(option, endpoint)?),
            client: HttpClient::new(timeout),
        })
    }
}

impl Export for Exporter {
    fn destination(&self) -> String {
        self.place.to_string()
    }

    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let lost = |reason: String| Failure::new(batch.len(), reason);
        let spans = spans(batch).map_err(|error| lost(error.to_string()))?;
        let body = encode_spans(&spans).map_err(|error| lost(error.to_string()))?;
        let (client, place) = (&self.client, &self.place);
        post(client, place, "application/json", None, &body, spans.len())
    }
}

fn spans(batch: &Batch) -> Result<Vec<Span<'_>>, ReadError> {
    let service = service_name(&batch.parse_resource()?)?;
    let mut spans = Vec::with_capacity(batch.len());
    for of_scope in batch.scopes() {
        let scope = of_scope.parse_scope()?;
        for it in of_scope.spans() {
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
        // Zipkin takes 0 for "not known".
        duration: Some((nanos / 1_000).max(1)),
        local_endpoint: Endpoint {
            service_name,
            ..Endpoint::default()
        },
        annotations: span.events().map(annotation).collect::<Result<_, _>>()?,
        tags: tags(span, scope)?,
        ..Span::default()
    })
}

type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

fn tags<'a>(span: &otlp::Span<'a>, scope: &Scope<'a>) -> Result<Vec<Tag<'a>>, ReadError> {
    let mut tags = Vec::new();
    for attribute in span.attributes() {
        let KeyValue { key, value, .. } = attribute?;
        tags.push((key.into(), text(value)?));
    }
    let mut push = |key: &'static str, value: &'a str| tags.push((key.into(), value.into()));
    let message = span.status.message;
    match span.status.code {
        1 => push("otel.status_code", "OK"),
        2 => {
            push("otel.status_code", "ERROR");
            push("error", message);
            if !message.is_empty() {
                // Collectors read the description under this key, and any `error` as a flag.
                push("otel.status_description", message);
            }
        }
        _ => {}
    }
    if !scope.name.is_empty() {
        push("otel.scope.name", scope.name);
    }
    if !scope.version.is_empty() {
        push("otel.scope.version", scope.version);
    }
    Ok(tags)
}

/// The event's name, and its attributes as a JSON object if it has any.
fn annotation(event: Result<Event<'_>, ReadError>) -> Result<Annotation<'_>, ReadError> {
    let event = event?;
    let mut attributes = Vec::new();
    for attribute in event.attributes() {
        let KeyValue { key, value, .. } = attribute?;
        attributes.push(format!("{key:?}:{:?}", text(value)?));
    }
    let value = if attributes.is_empty() {
        Cow::Borrowed(event.name)
    } else {
        format!("{:?}:{{{}}}", event.name, attributes.join(",")).into()
    };
    Ok(Annotation {
        timestamp: event.unix_nanos / 1_000,
        value,
    })
}
