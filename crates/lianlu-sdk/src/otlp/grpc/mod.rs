//! OTLP over gRPC.

mod codec;
mod connection;

pub(super) use connection::Grpc;
