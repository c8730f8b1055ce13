//! Spans and scopes of OTLP requests.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::violation::{Report, Rule};

/// The instrumentation scope of a span or a metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// The schema URL.
    pub schema_url: String,
}

impl Scope {
    pub(crate) fn new(scope: Option<&InstrumentationScope>, schema_url: &str) -> Self {
        Self {
            name: scope.map(|scope| scope.name.clone()).unwrap_or_default(),
            version: scope.map(|scope| scope.version.clone()).unwrap_or_default(),
            schema_url: schema_url.to_owned(),
        }
    }

    pub(crate) fn check(&self, report: &mut Report<'_>) {
        if self.name.is_empty() {
            report.add(Rule::Scope, "", "no name");
        }
        if self.version.is_empty() {
            report.add(Rule::Scope, "", "no version");
        }
        let schema = self
            .schema_url
            .strip_prefix("https://opentelemetry.io/schemas/");
        if schema.is_none_or(str::is_empty) {
            let detail = format!("schema URL `{}`", self.schema_url);
            report.add(Rule::Scope, "", detail);
        }
    }
}

/// A span with its scope.
#[derive(Debug, Clone)]
pub struct SpanRecord {
    /// The scope.
    pub scope: Scope,
    /// The span.
    pub span: Span,
}

/// All spans of all requests, by time of their start.
pub fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<SpanRecord> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    let mut spans: Vec<_> = scopes
        .flat_map(|scope| {
            let scope_of_spans = Scope::new(scope.scope.as_ref(), &scope.schema_url);
            scope.spans.iter().map(move |span| SpanRecord {
                scope: scope_of_spans.clone(),
                span: span.clone(),
            })
        })
        .collect();
    spans.sort_by_key(|record| record.span.start_time_unix_nano);
    spans
}

pub(crate) fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}
