//! OTLP over gRPC, implemented on [gRPC's
//! protocol](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): the request is one
//! message, the response one message and a status. tonic manages the connection.
//!
//! ```text
//! request   HEADERS :path content-type grpc-encoding …   DATA flag length message
//! response HEADERS :status content-type …             DATA flag length message   HEADERS grpc-status …
//! error    HEADERS :status grpc-status grpc-message grpc-status-details-bin
//! ```
//!
//! tonic's client is not used: it makes the same kind of `Status` of a collector's response and of
//! its own errors, with the same codes. For example, a response that it considers too long is
//! `OUT_OF_RANGE`, which OTLP retries. It also panics at details that are not base64.

mod connection;
mod message;
mod response;
mod retry_info;
mod status;
mod write_coalescer;

pub(super) use connection::Grpc;
#[cfg(feature = "jaeger-remote-sampler")]
pub(crate) use connection::{GrpcClient, grpc_headers};
#[cfg(feature = "jaeger-remote-sampler")]
pub(crate) use message::plain;
