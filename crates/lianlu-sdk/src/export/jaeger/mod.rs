//! Jaeger's own protocols: thrift over HTTP to a collector, thrift over UDP to an agent.
//!
//! [`Exporter`] is an [`Export`](crate::Export) for the pipeline, and blocks the thread that exports. Spans are
//! converted there, out of the OTLP bytes of the batch.
//!
//! How a span becomes Jaeger's follows OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/).

mod agent;
mod convert;
mod exporter;

pub use exporter::Exporter;
