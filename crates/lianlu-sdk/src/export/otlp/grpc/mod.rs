//! OTLP over gRPC, by [gRPC's protocol](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md) itself: one
//! message there, one message and a status back. tonic has the connection.
//!
//! ```text
//! request   HEADERS :path content-type grpc-encoding …   DATA flag length message
//! answer    HEADERS :status content-type …               DATA flag length message   HEADERS grpc-status …
//! refusal   HEADERS :status grpc-status grpc-message grpc-status-details-bin
//! ```
//!
//! Why not tonic's client: it makes one `Status` of what a collector says and of what it finds itself, and both have
//! the same codes. An answer that it thinks too long is `OUT_OF_RANGE`, which OTLP has us send again. It also panics
//! at details that are no base64.

mod answer;
mod connection;
mod gathered;
mod message;
mod retry_info;
mod status;

pub(super) use connection::Grpc;
