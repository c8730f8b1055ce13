//! Jaeger's protocols: thrift over HTTP to a collector, thrift over UDP to an agent.
//!
//! [`Exporter`] implements [`Export`](crate::Export) and blocks the export thread. It converts the
//! OTLP bytes of a batch according to OpenTelemetry's
//! [mapping](https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/).

mod agent;
mod convert;
mod exporter;

pub use exporter::Exporter;
