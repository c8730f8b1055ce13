//! Who is measured: a layer, and the pipeline behind it.

pub(crate) mod bare_socket;
pub(crate) mod body_only;
pub(crate) mod by_hand;
mod errors;
pub(crate) mod fastrace;
pub(crate) mod floor;
mod handlers;
mod lianlu;
mod meters;
mod pipeline;
mod sdk;
mod subscriber;
mod table;

pub(crate) use handlers::Work;
pub(crate) use pipeline::{Destination, Kind, Pipeline, Protocol, install};
pub(crate) use table::{Layers, Peer};

/// Puts the gRPC layer of a [`Peer`] in a variable and runs a block with it; each has its own type.
macro_rules! with_grpc_layer {
    ($peer:expr, $off:expr, |$layer:ident| $block:expr) => {{
        let off: bool = $off;
        match $peer.layers() {
            $crate::peers::Layers::None => {
                let $layer = tower_layer::Identity::new();
                $block
            }
            $crate::peers::Layers::Floor => {
                let $layer = $crate::peers::floor::Floor;
                $block
            }
            $crate::peers::Layers::BodyOnly => {
                let $layer = $crate::peers::body_only::BodyOnly;
                $block
            }
            $crate::peers::Layers::Lianlu(metrics) => {
                let $layer = $crate::peers::lianlu_layer(metrics, off);
                $block
            }
            $crate::peers::Layers::ByHand => {
                let $layer = $crate::peers::by_hand::layer();
                $block
            }
            $crate::peers::Layers::TowerOtel => {
                let $layer = tower_otel::trace::GrpcLayer::server(tracing::Level::INFO);
                $block
            }
            $crate::peers::Layers::Davidb => {
                let $layer =
                    tonic_tracing_opentelemetry::middleware::server::OtelGrpcLayer::default();
                $block
            }
            $crate::peers::Layers::Fastrace => {
                let $layer = $crate::peers::fastrace::grpc(off);
                $block
            }
            $crate::peers::Layers::FastraceFull => {
                let $layer = tower_layer::Stack::new(
                    $crate::peers::fastrace::Properties,
                    $crate::peers::fastrace::grpc(off),
                );
                $block
            }
            $crate::peers::Layers::OtelTower | $crate::peers::Layers::TowerHttpOtel => {
                panic!("{:?} has no layer for gRPC", $peer)
            }
        }
    }};
}
pub(crate) use with_grpc_layer;

pub(crate) use lianlu::DURABILITY;
pub(crate) use lianlu::layer as lianlu_layer;

/// An axum router with the layer of a peer around its routes.
pub(crate) fn http(router: axum::Router, peer: Peer, off: bool) -> axum::Router {
    match peer.layers() {
        // As the others: axum boxes what a layer makes.
        Layers::None => router.layer(tower_layer::Identity::new()),
        Layers::Floor => router.layer(floor::Floor),
        Layers::BodyOnly => router.layer(body_only::BodyOnly),
        Layers::Lianlu(metrics) => router.layer(lianlu::layer(metrics, off)),
        Layers::ByHand => router.layer(by_hand::layer()),
        Layers::TowerOtel => {
            router.layer(tower_otel::trace::HttpLayer::server(tracing::Level::INFO))
        }
        Layers::Davidb => {
            router.layer(axum_tracing_opentelemetry::middleware::OtelAxumLayer::default())
        }
        Layers::OtelTower => {
            router.layer(opentelemetry_instrumentation_tower::http::server::Layer::new())
        }
        Layers::TowerHttpOtel => router.layer(
            tower_http_opentelemetry::http::server::HttpServerTelemetryLayer::new()
                .with_http_route_extractor(
                    tower_http_opentelemetry::extract::AxumHttpRouteExtractor,
                )
                .with_client_address_extractor(
                    tower_http_opentelemetry::extract::AxumConnectInfoExtractor,
                )
                .with_network_peer_address_extractor(
                    tower_http_opentelemetry::extract::AxumConnectInfoExtractor,
                ),
        ),
        Layers::Fastrace => router.layer(fastrace::http(off)),
        Layers::FastraceFull => router
            .layer(fastrace::Properties)
            .layer(fastrace::http(off)),
    }
}
