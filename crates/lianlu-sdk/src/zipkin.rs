//! Zipkin v2 JSON over HTTP.
//!
//! How a span becomes Zipkin's follows OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/).

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Uri;
use lianlu_wire::zipkin::{Annotation, Endpoint, Kind, Span, encode_spans};
use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::endpoint::check_endpoint;
use crate::error::OptionError;
use crate::export::{Export, Failure};
use crate::http_client::HttpClient;
use crate::post::post;
use crate::resource::service_name;

/// Sends spans to Zipkin, or whatever takes its format.
#[derive(Debug)]
pub struct Exporter {
    uri: Uri,
    client: HttpClient,
    service_name: String,
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
        resource: &Resource,
    ) -> Result<Self, OptionError> {
        Ok(Self {
            uri: check_endpoint(option, endpoint)?,
            client: HttpClient::new(timeout),
            service_name: service_name(resource),
        })
    }

    fn send(&self, batch: &[SpanData]) -> Result<(), Failure> {
        let lost = |reason: String| Failure::new(batch.len(), reason);
        let spans: Vec<_> = batch.iter().map(|data| self.span(data)).collect();
        let body = encode_spans(&spans).map_err(|error| lost(error.to_string()))?;
        post(&self.client, &self.uri, "application/json", None, body).map_err(lost)
    }

    fn span<'a>(&'a self, span: &'a SpanData) -> Span<'a> {
        let context = &span.span_context;
        let parent = span.parent_span_id;
        Span {
            trace_id: u128::from_be_bytes(context.trace_id().to_bytes()),
            id: u64::from_be_bytes(context.span_id().to_bytes()),
            parent_id: (parent != SpanId::INVALID).then(|| u64::from_be_bytes(parent.to_bytes())),
            name: Cow::Borrowed(&span.name),
            kind: match span.span_kind {
                SpanKind::Client => Some(Kind::Client),
                SpanKind::Server => Some(Kind::Server),
                SpanKind::Producer => Some(Kind::Producer),
                SpanKind::Consumer => Some(Kind::Consumer),
                SpanKind::Internal => None,
            },
            timestamp: Some(micros(span.start_time)),
            // Zipkin takes 0 for "not known".
            duration: Some(
                as_micros(
                    span.end_time
                        .duration_since(span.start_time)
                        .unwrap_or_default(),
                )
                .max(1),
            ),
            local_endpoint: Endpoint {
                service_name: Cow::Borrowed(&self.service_name),
                ..Endpoint::default()
            },
            annotations: span.events.iter().map(annotation).collect(),
            tags: tags(span),
            ..Span::default()
        }
    }
}

impl Export for Exporter {
    fn export(&mut self, batch: Vec<SpanData>) -> Result<(), Failure> {
        self.send(&batch)
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.send(&batch)
            .map_err(|failure| OTelSdkError::InternalFailure(failure.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.service_name = service_name(resource);
    }
}

fn tags(span: &SpanData) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut tags: Vec<(Cow<'_, str>, Cow<'_, str>)> = span
        .attributes
        .iter()
        .map(|attribute| (attribute.key.as_str().into(), attribute.value.as_str()))
        .collect();
    match &span.status {
        Status::Unset => {}
        Status::Ok => tags.push(("otel.status_code".into(), "OK".into())),
        Status::Error { description } => {
            tags.push(("otel.status_code".into(), "ERROR".into()));
            tags.push(("error".into(), Cow::Borrowed(description)));
            if !description.is_empty() {
                // Collectors read the description under this key, and any `error` as a flag.
                let description = Cow::Borrowed(&**description);
                tags.push(("otel.status_description".into(), description));
            }
        }
    }
    let scope = &span.instrumentation_scope;
    if !scope.name().is_empty() {
        tags.push(("otel.scope.name".into(), scope.name().into()));
    }
    if let Some(version) = scope.version() {
        tags.push(("otel.scope.version".into(), version.into()));
    }
    tags
}

/// The event's name, and its attributes as a JSON object if it has any.
fn annotation(event: &Event) -> Annotation<'_> {
    let value = if event.attributes.is_empty() {
        Cow::Borrowed(&*event.name)
    } else {
        let attributes: Vec<_> = event
            .attributes
            .iter()
            .map(|attribute| {
                format!(
                    "{:?}:{:?}",
                    attribute.key.as_str(),
                    attribute.value.as_str()
                )
            })
            .collect();
        format!("{:?}:{{{}}}", event.name, attributes.join(",")).into()
    };
    Annotation {
        timestamp: micros(event.timestamp),
        value,
    }
}

fn micros(time: SystemTime) -> u64 {
    as_micros(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn as_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
