//! A disabled layer only passes requests on: no span, no metric, no header.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderName, Method, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu::KeyValue;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{FutureExt, TraceContextExt};
use reqwest_middleware::ClientBuilder;
use tower::{Service, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::metrics::Metrics;
use crate::common::seen::Seen;
use crate::common::traces::Traces;
use crate::common::{TRACEPARENT, soon};

/// A server layer and a client layer with many options.
struct Layers {
    traces: Traces,
    metrics: Metrics,
    is_on: bool,
}

impl Layers {
    fn new(is_on: bool) -> Self {
        Self {
            traces: Traces::default(),
            metrics: Metrics::default(),
            is_on,
        }
    }

    fn server(&self) -> lianlu::ServerLayer {
        self.metrics
            .on(self.traces.server())
            .with_active_requests()
            .with_body_sizes()
            .with_traceresponse()
            .with_trace_id_header(HeaderName::from_static("x-trace-id"))
            .with_exceptions(lianlu::layer::Exceptions::Both)
            .with_enabled(self.is_on)
    }

    fn client(&self) -> lianlu::ClientLayer {
        self.metrics
            .on(self.traces.client())
            .with_active_requests()
            .with_body_sizes()
            .with_caller_name("caller")
            .with_enabled(self.is_on)
    }

    /// True if the calls made spans and metrics; false if they made neither.
    fn has_telemetry(&self) -> bool {
        let has_spans = self.traces.started() > 0;
        assert_eq!(!self.metrics.all().is_empty(), has_spans);
        assert_eq!(!self.traces.finished().is_empty(), has_spans);
        has_spans
    }
}

/// The caller's span and baggage, which an enabled client propagates.
fn caller() -> Context {
    let root = Traces::default().root("root");
    root.with_baggage([KeyValue::new("tenant", "acme")])
}

fn has_trace(headers: &HeaderMap) -> bool {
    let names = ["traceparent", "tracestate", "baggage", "x-md-service-name"];
    names.iter().any(|name| headers.contains_key(*name))
}

async fn shop(layers: &Layers) -> SocketAddr {
    let app = Router::new()
        .route(
            "/",
            get(async || {
                let context = Context::current();
                let baggage = context.baggage().get("tenant").map(ToString::to_string);
                format!("{} {baggage:?}", context.span().span_context().is_valid())
            }),
        )
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", get(async || -> String { panic!("on request") }))
        .layer(layers.server());
    net::serve(app).await
}

#[tokio::test]
async fn a_disabled_http_server_layer_does_nothing() {
    for is_on in [false, true] {
        let layers = Layers::new(is_on);
        let address = shop(&layers).await;
        for version in net::VERSIONS {
            let headers = [("traceparent", TRACEPARENT), ("baggage", "tenant=acme")];
            let answer = net::send(version, net::request_with(address, "/", &headers)).await;
            for name in ["traceresponse", "x-trace-id"] {
                assert_eq!(answer.headers().contains_key(name), is_on, "{name}");
            }
            let expected = if is_on {
                "true Some(\"acme\")"
            } else {
                "false None"
            };
            assert_eq!(net::read(answer).await.unwrap(), expected);
            let request = net::request(Method::GET, address, "/no");
            let answer = net::send(version, request).await;
            assert_eq!(answer.status(), 500);
            let request = net::request(Method::GET, address, "/panics");
            soon(net::plain(version).request(request))
                .await
                .unwrap_err();
        }
        assert_eq!(layers.has_telemetry(), is_on);
    }
}

#[tokio::test]
async fn disabled_grpc_layers_do_nothing() {
    for is_on in [false, true] {
        let layers = Layers::new(is_on);
        let address = echo::serve(layers.server(), Echo::default()).await;
        let mut client = echo::connect(layers.client(), address).await;
        let reply = client.unary(message("hello", 0)).await.unwrap();
        assert_eq!(reply.into_inner().text, "hello");
        let status = client.unary(message("fail 13 broken", 0)).await;
        assert_eq!(status.unwrap_err().message(), "broken");
        let ids = client.unary(message("ids", 0)).await.unwrap();
        assert_eq!(ids.into_inner().text != " ", is_on);
        let replies = client.server_stream(message("hello", 3)).await.unwrap();
        assert_eq!(echo::drain(replies).await, 3);
        assert_eq!(layers.has_telemetry(), is_on);
    }
}

/// Of hyper, reqwest and reqwest-middleware.
#[tokio::test]
async fn disabled_http_client_layers_do_nothing() {
    for is_on in [false, true] {
        let layers = Layers::new(is_on);
        let seen = Seen::default();
        let address = seen.serve().await;
        let url = format!("http://{address}/");
        async {
            for version in net::VERSIONS {
                let client = net::connect(layers.client(), version);
                assert_eq!(net::fetch(&client, address, "/").await, "hello");
                assert_eq!(has_trace(&seen.take()), is_on);
            }

            let mut client = net::reqwest(layers.client());
            let request = net::reqwest_get(&url);
            let client = client.ready().await.unwrap();
            let answer = soon(client.call(request)).await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "hello");
            assert_eq!(has_trace(&seen.take()), is_on);

            let plain = reqwest::Client::builder().no_proxy().build().unwrap();
            let client = ClientBuilder::new(plain).with(layers.client()).build();
            let answer = soon(client.get(&url).send()).await.unwrap();
            assert_eq!(answer.text().await.unwrap(), "hello");
            assert_eq!(has_trace(&seen.take()), is_on);
        }
        .with_context(caller())
        .await;
        assert_eq!(layers.has_telemetry(), is_on);
    }
}

#[tokio::test]
async fn a_disabled_client_layer_keeps_the_applications_traceparent() {
    for is_on in [false, true] {
        let layers = Layers::new(is_on);
        let seen = Seen::default();
        let address = seen.serve().await;
        let client = net::connect(layers.client(), Version::HTTP_11);
        let request = net::request_with(address, "/", &[("traceparent", TRACEPARENT)]);
        let answer = soon(client.oneshot(request)).await.unwrap();
        net::read(answer).await.unwrap();
        let sent = seen.header("traceparent");
        assert_eq!(sent.as_deref() == Some(TRACEPARENT), !is_on);
    }
}

#[tokio::test]
async fn the_last_with_enabled_counts() {
    let layers = Layers::new(false);
    let address = echo::serve(layers.server().with_enabled(true), Echo::default()).await;
    let mut client = echo::connect(layers.client(), address).await;
    client.unary(message("hello", 0)).await.unwrap();
    let span = layers.traces.all(1).await.remove(0);
    assert_eq!(span.span_kind, lianlu::SpanKind::Server);
    crate::common::traces::assert_root(&span);
}
