//! Peers as people call them.

use crate::drive::servers::Server;
use crate::peers::{Kind, Peer};
use crate::threads::Work;

pub(super) fn peer(peer: Peer, is_grpc: bool) -> &'static str {
    match peer {
        Peer::None => "no tracing",
        Peer::Floor => "the API alone: an empty span, made current; nothing is recorded",
        Peer::BodyOnly => "a layer that only puts its own type around the response's body",
        Peer::Lianlu => "**lianlu**",
        Peer::LianluNoMetrics => "lianlu, without metrics",
        Peer::LianluSdkMetrics => "lianlu, metrics by opentelemetry_sdk",
        Peer::LianluOverSdk => "lianlu's layer over opentelemetry_sdk, without metrics",
        Peer::LianluNoProvider => "lianlu's layer without a provider",
        Peer::Sdk => "plain API + opentelemetry_sdk 0.33",
        Peer::TowerOtel => "tower-otel 0.12",
        Peer::TracingOtel if is_grpc => "tonic-tracing-opentelemetry 0.42",
        Peer::TracingOtel => "axum-tracing-opentelemetry 0.42",
        Peer::OtelTower => "opentelemetry-instrumentation-tower 0.19",
        Peer::TowerHttpOtel => "tower-http-opentelemetry 0.0.6",
        Peer::Fastrace if is_grpc => "fastrace-tonic 0.2",
        Peer::Fastrace => "fastrace-axum 0.2",
        Peer::FastraceFull => "fastrace 0.7, as many properties",
    }
}

pub(super) fn pipeline(kind: Kind) -> &'static str {
    match kind {
        Kind::None => "none",
        Kind::Lianlu => "**lianlu**",
        Kind::Sdk | Kind::SdkByTracing => "opentelemetry_sdk 0.33",
        Kind::Fastrace => "fastrace 0.7",
    }
}

pub(super) fn work(work: Work) -> &'static str {
    match work {
        Work::Arithmetic => "arithmetic alone",
        Work::Lianlu | Work::Sdk | Work::Fastrace => pipeline(work.pipeline()),
    }
}

pub(super) fn server(server: Server, unsampled: bool) -> String {
    let name = match server {
        Server::Tonic(it) => peer(it, true),
        Server::Axum(it) => peer(it, false),
        Server::Kratos { traced: false } => "Kratos 2.9.1 (Go), no tracing",
        Server::Kratos { traced: true } => "Kratos 2.9.1, its tracing",
        Server::GrpcGo { traced: false } => "grpc-go 1.76, no tracing",
        Server::GrpcGo { traced: true } => "grpc-go 1.76, otelgrpc 0.63",
    };
    if unsampled && !server.exports() {
        format!("{name}, once more")
    } else if unsampled {
        format!("{name}, parent not sampled")
    } else {
        name.to_owned()
    }
}
