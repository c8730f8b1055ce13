//! The client layer as a middleware of `reqwest_middleware`, with the retries of `reqwest_retry`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Extensions, StatusCode};
use axum::Router;
use axum::routing::get;
use lianlu::{ResendCount, UrlTemplate};
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt};
use opentelemetry_sdk::trace::SpanData;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use crate::common::http as net;
use crate::common::traces::{
    self, Traces, assert_cancelled, assert_child, assert_error, int, text,
};
use crate::common::{nobody, soon};

const COUNT: &str = "http.request.resend_count";

fn retry() -> RetryTransientMiddleware<ExponentialBackoff> {
    let policy = ExponentialBackoff::builder()
        .retry_bounds(
            std::time::Duration::ZERO,
            std::time::Duration::from_millis(1),
        )
        .build_with_max_retries(5);
    RetryTransientMiddleware::new_with_policy(policy)
}

fn plain() -> ClientBuilder {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    ClientBuilder::new(client)
}

/// Answers 503 twice, 200 from then on.
async fn flaky(traces: &Traces) -> SocketAddr {
    let calls = AtomicUsize::default();
    let calls = Arc::new(calls);
    let app = Router::new()
        .route(
            "/orders/{id}",
            get(async move || match calls.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, "not yet"),
                _ => (StatusCode::OK, "hello"),
            }),
        )
        .layer(traces.server());
    net::serve(app).await
}

async fn ask(client: &ClientWithMiddleware, address: SocketAddr) -> reqwest::Response {
    let request = client.get(format!("http://{address}/orders/7"));
    soon(request.send()).await.unwrap()
}

fn of_kind(spans: &[SpanData], kind: SpanKind) -> Vec<SpanData> {
    let mut spans: Vec<_> = spans
        .iter()
        .filter(|span| span.span_kind == kind)
        .cloned()
        .collect();
    spans.sort_by_key(|span| span.start_time);
    spans
}

#[tokio::test]
async fn each_attempt_is_a_span() {
    let traces = Traces::default();
    let address = flaky(&traces).await;
    let client = plain().with(retry()).with(traces.client()).build();
    let root = traces.root("caller");
    let caller = root.span().span_context().span_id();
    let call = async {
        let request = client
            .get(format!("http://{address}/orders/7"))
            .with_extension(UrlTemplate("/orders/{id}".into()));
        let response = request.send().await.unwrap();
        assert_eq!(response.url().path(), "/orders/7");
        assert_eq!(response.text().await.unwrap(), "hello");
    };
    soon(call.with_context(root)).await;
    let spans = traces.all(7).await;
    let clients = of_kind(&spans, SpanKind::Client);
    let expected = [(None, 503), (Some(1), 503), (Some(2), 200)];
    for (span, (count, status)) in clients.iter().zip(expected) {
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(text(span, "url.template"), Some("/orders/{id}"));
        assert_eq!(int(span, COUNT), count);
        assert_eq!(int(span, "http.response.status_code"), Some(status));
        assert_eq!(span.parent_span_id, caller, "attempts are siblings");
    }
    for (client, server) in clients.iter().zip(of_kind(&spans, SpanKind::Server)) {
        assert_child(&server, client);
        assert!(server.parent_span_is_remote);
    }
}

#[tokio::test]
async fn outside_of_the_retry_the_call_is_one_span() {
    let traces = Traces::default();
    let address = flaky(&traces).await;
    let client = plain().with(traces.client()).with(retry()).build();
    let response = ask(&client, address).await;
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_eq!(int(&client, COUNT), None);
    assert_eq!(int(&client, "http.response.status_code"), Some(200));
}

#[tokio::test]
async fn outside_and_inside_make_a_tree() {
    let traces = Traces::default();
    let address = flaky(&traces).await;
    let client = plain()
        .with(traces.client())
        .with(retry())
        .with(traces.client())
        .build();
    let response = ask(&client, address).await;
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(7).await;
    let mut clients = of_kind(&spans, SpanKind::Client);
    let whole = clients.remove(0);
    assert_eq!(int(&whole, COUNT), None);
    for (attempt, count) in clients.iter().zip([None, Some(1), Some(2)]) {
        assert_child(attempt, &whole);
        assert_eq!(int(attempt, COUNT), count);
    }
}

/// The second call of one client, and a count that the caller began.
#[tokio::test]
async fn each_call_counts_anew() {
    let traces = Traces::default();
    let address = flaky(&traces).await;
    let client = plain().with(retry()).with(traces.client()).build();
    ask(&client, address).await.text().await.unwrap();
    ask(&client, address).await.text().await.unwrap();
    let request = client
        .get(format!("http://{address}/orders/7"))
        .with_extension(ResendCount(4));
    let response = soon(request.send()).await.unwrap();
    response.text().await.unwrap();
    let clients = of_kind(&traces.all(10).await, SpanKind::Client);
    let counts = clients.iter().map(|span| int(span, COUNT));
    assert!(counts.eq([None, Some(1), Some(2), None, Some(4)]));
}

#[tokio::test]
async fn the_body_ends_the_span() {
    let traces = Traces::default();
    let app = Router::new().route("/orders/{id}", get(async || "hello"));
    let address = net::serve(app).await;
    let client = plain().with(traces.client()).build();
    let response = ask(&client, address).await;
    assert_eq!(traces.open(), 1, "the body is still to come");
    assert_eq!(response.text().await.unwrap(), "hello");
    traces.all(1).await;

    // Nobody wants it.
    drop(ask(&client, address).await);
    let spans = traces.all(2).await;
    assert_cancelled(&spans[1]);
}

#[tokio::test]
async fn nobody_listens() {
    let traces = Traces::default();
    let client = plain().with(traces.client()).build();
    let request = client.get(format!("http://user:secret@{}/?sig=secret", nobody().await));
    soon(request.send()).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_error(&span, "ConnectionRefused");
    assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
}

/// Refuses every request.
struct Refuse;

impl Middleware for Refuse {
    fn handle<'a, 'b, 'c, 'd>(
        &'a self,
        _: reqwest::Request,
        _: &'b mut Extensions,
        _: reqwest_middleware::Next<'c>,
    ) -> std::pin::Pin<
        Box<dyn Future<Output = reqwest_middleware::Result<reqwest::Response>> + Send + 'd>,
    >
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        let error = std::io::Error::new(std::io::ErrorKind::PermissionDenied, "not you");
        Box::pin(std::future::ready(Err(
            reqwest_middleware::Error::middleware(error),
        )))
    }
}

#[tokio::test]
async fn a_middleware_further_in_fails() {
    let traces = Traces::default();
    let client = plain().with(traces.client()).with(Refuse).build();
    let request = client.get("http://127.0.0.1:1/");
    soon(request.send()).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    let description = assert_error(&span, "PermissionDenied");
    assert_eq!(description, "not you");
}
