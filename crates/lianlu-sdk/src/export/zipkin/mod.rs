//! Zipkin v2 JSON over HTTP.
//!
//! Spans are converted according to OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/).

mod convert;
mod exporter;
mod remote_endpoint;

pub use exporter::Exporter;
