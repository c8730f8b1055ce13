//! OTLP, the protocol of OpenTelemetry, over gRPC or HTTP.
//!
//! ```text
//!                                  ┌─ as they are ─► gRPC: one message, by a codec of ours
//! Batch ─► requests of ≤ 4 MiB ────┼─ as they are ─► HTTP: application/x-protobuf
//!                                  └─ converted ───► HTTP: application/json
//! ```
//!
//! A [`Batch`](crate::Batch) is OTLP already, so nothing is encoded here: its bytes are written behind one
//! another once, compressed if that is wanted, and sent. It runs on the pipeline's own thread, gRPC with a
//! runtime of its own there, HTTP without any.
//!
//! What an answer means is [the specification](https://opentelemetry.io/docs/specs/otlp/)'s: rejected spans
//! of a partial success are lost with the collector's reason, and one that rejects nothing is a warning, a
//! [`Failure`](crate::Failure) that lost no span. Of an answer 4 MiB are read at most. A request that fails
//! is not sent again.

#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
mod answer;
mod builder;
mod compression;
mod exporter;
#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-http")]
mod http;
mod protocol;
mod split;

pub use builder::Builder;
#[doc(hidden)]
pub use builder::check_certificates;
pub use compression::Compression;
pub use exporter::Exporter;
pub use protocol::Protocol;

/// The largest message that a gRPC server takes unless it is told otherwise.
const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// An answer is read to this size, and no further.
#[cfg(feature = "otlp-grpc")]
const MAX_RESPONSE: usize = 4 * 1024 * 1024;

/// In the form that OTLP
/// [wants](https://opentelemetry.io/docs/specs/otel/protocol/exporter/#user-agent).
const USER_AGENT: &str = concat!(
    "lianlu/",
    env!("CARGO_PKG_VERSION"),
    " OTel-OTLP-Exporter-Rust/",
    env!("CARGO_PKG_VERSION"),
);
