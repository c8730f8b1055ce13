//! OTLP, the protocol of OpenTelemetry, over gRPC or HTTP.
//!
//! ```text
//!                    ┌─ as it is ───► gRPC: one message, by a codec of ours
//! Batch ─► request ──┼─ as it is ───► HTTP: application/x-protobuf
//!                    └─ converted ──► HTTP: application/json
//! ```
//!
//! A [`Batch`](crate::Batch) is OTLP already, so nothing is encoded here. Over gRPC its bytes go out from where they
//! are; for HTTP, and to be compressed, they are written behind one another once. The pipeline makes batches that any
//! gRPC server takes, of less than 4 MiB. It runs on the pipeline's own thread, gRPC with a runtime of its own there,
//! HTTP without any.
//!
//! What an answer means is [the specification](https://opentelemetry.io/docs/specs/otlp/)'s:
//!
//! | the collector | over HTTP | over gRPC | the batch |
//! |---|---|---|---|
//! | takes it | 2xx | `OK` | is exported |
//! | takes it, and its answer can't be read | 2xx | `OK`, or an answer above 4 MiB | is exported, with a warning |
//! | takes a part of it | partial success | partial success | the rejected spans are lost; none rejected is a warning |
//! | can't take it now | 429, 502, 503, 504 | `CANCELLED`, `DEADLINE_EXCEEDED`, `ABORTED`, `OUT_OF_RANGE`, `UNAVAILABLE`, `DATA_LOSS`, `RESOURCE_EXHAUSTED` with `RetryInfo` | may be sent again, not before `Retry-After` or `RetryInfo` say |
//! | does not answer | not connected, TLS fails, reset, time-out | the same | may be sent again |
//! | refuses it | any other | any other | is lost |
//!
//! [`Failure`](crate::Failure) is where that is told. Of an answer 4 MiB are read at most, decompressed or not, and no
//! redirect is followed.

#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
mod answer;
mod builder;
mod compression;
mod exporter;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-http")]
mod http;
mod protobuf;
mod protocol;

pub use builder::Builder;
#[doc(hidden)]
pub use builder::{check_certificates, check_client_certificate};
pub use compression::Compression;
pub use exporter::Exporter;
pub use protocol::Protocol;

/// An answer is read to this size, and no further.
#[cfg(feature = "otlp-grpc")]
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// Batches are smaller than this, but for one of a single span. It is what gRPC servers take by default.
#[cfg(feature = "otlp-grpc")]
const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// How much memory is kept from one request to the next: what a usual batch has at most.
const MAX_KEPT: usize = 4 * 1024 * 1024;

/// A buffer, emptied to be used again. One large span is no reason to keep its memory.
fn empty(buffer: &mut Vec<u8>) -> &mut Vec<u8> {
    buffer.clear();
    buffer.shrink_to(MAX_KEPT);
    buffer
}

/// In the form that OTLP
/// [wants](https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent).
const USER_AGENT: &str = concat!(
    "lianlu/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION"),
);
