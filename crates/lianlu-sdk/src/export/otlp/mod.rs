//! OTLP, the protocol of OpenTelemetry, over gRPC or HTTP.
//!
//! ```text
//!                    ┌─ as it is ───► gRPC: one message
//! Batch ─► request ──┼─ as it is ───► HTTP: application/x-protobuf
//!                    └─ converted ──► HTTP: application/json
//! ```
//!
//! A [`Batch`](crate::Batch) is OTLP already, so nothing is encoded here. Over gRPC its bytes are
//! sent without a copy; for HTTP, and for compression, they are copied into one buffer. The
//! pipeline limits batches to less than 4 MiB, which any gRPC server accepts. Everything runs on
//! the pipeline's own thread: gRPC with its own runtime, HTTP without one.
//!
//! Responses are handled by [the specification](https://opentelemetry.io/docs/specs/otlp/):
//!
//! | the collector | over HTTP | over gRPC | the batch |
//! |---|---|---|---|
//! | accepts it | 2xx | `OK` | is exported |
//! | accepts it, with an unreadable response | 2xx | `OK`, or a response above 4 MiB | is exported, with a warning |
//! | accepts a part of it | partial success | partial success | the rejected spans are lost; none rejected is a warning |
//! | cannot accept it now | 429, 502, 503, 504 | `CANCELLED`, `DEADLINE_EXCEEDED`, `ABORTED`, `OUT_OF_RANGE`, `UNAVAILABLE`, `DATA_LOSS`, `RESOURCE_EXHAUSTED` with `RetryInfo` | is retried, not before the time in `Retry-After` or `RetryInfo` |
//! | does not respond | not connected, TLS fails, reset, timeout | likewise | is retried |
//! | rejects it | any other | any other | is lost |
//!
//! [`Failure`](crate::Failure) reports these outcomes. A request has at most 64 MiB before
//! compression, and at most 4 MiB of a response are read, before and after decompression; both are
//! options. A span that does not fit into a request is lost. Redirects are not followed.

mod builder;
mod compression;
mod exporter;
#[cfg(feature = "otlp-grpc")]
pub(crate) mod grpc;
#[cfg(feature = "otlp-http")]
mod http;
#[cfg(feature = "otlp-json")]
mod json_lines;
pub(crate) mod protobuf;
mod protocol;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
mod response;

pub use builder::Builder;
#[doc(hidden)]
pub use builder::{check_certificates, check_client_certificate, check_endpoint};
pub use compression::Compression;
pub use exporter::Exporter;
#[cfg(feature = "otlp-json")]
pub use json_lines::JsonLines;
pub use protocol::Protocol;

/// Most bytes of a response that are read, by default.
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// Most bytes of a request, by default.
const MAX_REQUEST: usize = 64 * 1024 * 1024;

/// Batches are smaller than this, except for a single larger span. gRPC servers accept it by
/// default.
#[cfg(feature = "otlp-grpc")]
const ACCEPTED_BY_DEFAULT: usize = 4 * 1024 * 1024;

/// Most memory kept between requests; usual batches fit.
const MAX_KEPT: usize = 4 * 1024 * 1024;

/// Clears a buffer for reuse. The memory of an unusually large batch is released.
fn empty(buffer: &mut Vec<u8>) -> &mut Vec<u8> {
    buffer.clear();
    buffer.shrink_to(MAX_KEPT);
    buffer
}

/// Follows the
/// [specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent).
const USER_AGENT: &str = concat!(
    "lianlu/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION"),
);
