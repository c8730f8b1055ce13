//! The protocol of a call, its side, and the dialect.

use opentelemetry::trace::SpanKind;

/// Replaces values that the conventions, or a list of known names, do not contain.
pub(crate) const OTHER: &str = "_OTHER";

/// The dialect of a span's names and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    OpenTelemetry,
    Kratos,
}

/// The protocol of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

/// A side of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    HttpServer,
    HttpClient,
    GrpcServer,
    GrpcClient,
}

impl Surface {
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [
        Self::HttpServer,
        Self::HttpClient,
        Self::GrpcServer,
        Self::GrpcClient,
    ];

    #[inline]
    pub(crate) fn of(kind: &SpanKind, protocol: Protocol) -> Self {
        match (protocol, kind) {
            (Protocol::Http, SpanKind::Client) => Self::HttpClient,
            (Protocol::Http, _) => Self::HttpServer,
            (Protocol::Grpc, SpanKind::Client) => Self::GrpcClient,
            (Protocol::Grpc, _) => Self::GrpcServer,
        }
    }
}
