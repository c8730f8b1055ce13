//! Jaeger's own protocols: thrift over HTTP to a collector, thrift over UDP to an agent.
//!
//! [`Exporter`] is an [`Export`](crate::Export) for the pipeline and a
//! [`SpanExporter`](opentelemetry_sdk::trace::SpanExporter) for any other provider. It blocks the
//! thread that exports.
//!
//! How a span becomes Jaeger's follows OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/).

mod agent;
mod convert;
mod exporter;

pub use exporter::Exporter;
