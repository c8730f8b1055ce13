//! Sampling rules can use all attributes that a call has at its start.

use ::http::{Method, Version};
use axum::Router;
use axum::routing::{any, get};
use lianlu::sampling::{Rules, Spans};
use lianlu::{Sampler, SpanKind};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::Traces;

fn traces(rules: Rules) -> Traces {
    Traces::with_sampler(rules.parent_based())
}

/// The paths of the sampled calls, in order.
async fn sampled(rules: Rules, kratos: bool, calls: &[(Method, &str)]) -> Vec<String> {
    let traces = traces(rules);
    let layer = traces.server();
    let layer = if kratos { layer.kratos() } else { layer };
    let app = Router::new()
        .route("/health", get(async || "well"))
        .route("/orders/{id}", any(async || "an order"))
        .route("/admin/users", any(async || "users"))
        .layer(layer);
    let address = net::serve(app).await;
    for (method, path) in calls {
        let request = net::request(method.clone(), address, path);
        let response = soon(net::plain(Version::HTTP_11).request(request)).await;
        net::read(response.unwrap()).await.unwrap();
    }
    let count = traces.started();
    let spans = traces.all(count).await;
    let path = |span: &opentelemetry_sdk::trace::SpanData| {
        let keys = ["url.path", "http.target"];
        let mut attributes = span.attributes.iter();
        let path = attributes.find(|it| keys.contains(&it.key.as_str()));
        path.unwrap().value.to_string()
    };
    spans.iter().map(path).collect()
}

const CALLS: [(Method, &str); 4] = [
    (Method::GET, "/health"),
    (Method::GET, "/orders/1"),
    (Method::POST, "/admin/users"),
    (Method::DELETE, "/orders/2"),
];

#[tokio::test]
async fn rules_match_http_calls() {
    let off = || Rules::new().otherwise(Sampler::AlwaysOff);
    for (rules, expected) in [
        (
            Rules::new().never(Spans::health_checks()),
            vec!["/orders/1", "/admin/users", "/orders/2"],
        ),
        (
            off().always(Spans::any().route("/orders/{id}")),
            vec!["/orders/1", "/orders/2"],
        ),
        (
            off().always(Spans::any().path("/orders/2")),
            vec!["/orders/2"],
        ),
        (
            off().always(Spans::any().method("P*")),
            vec!["/admin/users"],
        ),
        (
            off().always(Spans::any().name("DELETE *").kind(SpanKind::Server)),
            vec!["/orders/2"],
        ),
        (
            off().always(
                Spans::any()
                    .attribute("server.address", "127.*")
                    .method("GET"),
            ),
            vec!["/health", "/orders/1"],
        ),
        (off().always(Spans::any().kind(SpanKind::Client)), vec![]),
    ] {
        let text = format!("{rules:?}");
        assert_eq!(sampled(rules, false, &CALLS).await, expected, "{text}");
    }
}

#[tokio::test]
async fn rules_match_http_calls_in_kratos_mode() {
    let rules = Rules::new()
        .never(Spans::health_checks())
        .never(Spans::any().method("POST"))
        .never(Spans::any().path("/orders/1"));
    assert_eq!(sampled(rules, true, &CALLS).await, ["/orders/2"]);
}

#[tokio::test]
async fn rules_match_grpc_methods() {
    let method = "lianlu.testing.Echo/Un*";
    for (rules, is_sampled) in [
        (Rules::new().never(Spans::any().method(method)), false),
        (
            Rules::new()
                .always(Spans::any().method(method))
                .otherwise(Sampler::AlwaysOff),
            true,
        ),
    ] {
        let traces = traces(rules);
        let address = echo::serve(traces.server(), Echo::new(&traces)).await;
        let mut client = echo::connect(traces.client(), address).await;
        client.unary(message("hello", 0)).await.unwrap();
        if is_sampled {
            traces.pair().await;
        } else {
            assert_eq!(traces.started(), 0);
        }
    }
}
