//! The client layer as a `reqwest_middleware` middleware, with retries by `reqwest_retry`.

use std::net::SocketAddr;

use ::http::Extensions;
use axum::Router;
use axum::routing::get;
use lianlu::layer::{ResendCount, UrlTemplate};
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use super::flaky::{self, resend_counts};
use crate::common::http as net;
use crate::common::traces::{
    self, Traces, assert_cancelled, assert_child, assert_error, http_status, of_kind, text,
};
use crate::common::{closed_port, soon};

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

async fn ask(client: &ClientWithMiddleware, address: SocketAddr) -> reqwest::Response {
    let request = client.get(format!("http://{address}/orders/7"));
    soon(request.send()).await.unwrap()
}

#[tokio::test]
async fn each_attempt_is_a_span() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
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
    let clients = of_kind(&spans, &SpanKind::Client);
    assert_eq!(resend_counts(&clients), [None, Some(1), Some(2)]);
    for (span, status) in clients.iter().zip([503, 503, 200]) {
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(text(span, "url.template"), Some("/orders/{id}"));
        assert_eq!(http_status(span), Some(status));
        assert_eq!(span.parent_span_id, caller, "attempts are siblings");
    }
    for (client, server) in clients.iter().zip(of_kind(&spans, &SpanKind::Server)) {
        assert_child(&server, client);
        assert!(server.parent_span_is_remote);
    }
}

#[tokio::test]
async fn outside_of_the_retry_the_call_is_one_span() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = plain().with(traces.client()).with(retry()).build();
    let response = ask(&client, address).await;
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_eq!(resend_counts(std::slice::from_ref(&client)), [None]);
    assert_eq!(http_status(&client), Some(200));
}

#[tokio::test]
async fn a_layer_outside_and_one_inside_of_the_retry_make_a_tree() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = plain()
        .with(traces.client())
        .with(retry())
        .with(traces.client())
        .build();
    let response = ask(&client, address).await;
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(7).await;
    let mut clients = of_kind(&spans, &SpanKind::Client);
    let whole = clients.remove(0);
    assert_eq!(resend_counts(std::slice::from_ref(&whole)), [None]);
    assert_eq!(resend_counts(&clients), [None, Some(1), Some(2)]);
    for attempt in &clients {
        assert_child(attempt, &whole);
    }
}

/// The second call of a client, and one with a count by the caller.
#[tokio::test]
async fn each_call_starts_its_own_count() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = plain().with(retry()).with(traces.client()).build();
    ask(&client, address).await.text().await.unwrap();
    ask(&client, address).await.text().await.unwrap();
    let request = client
        .get(format!("http://{address}/orders/7"))
        .with_extension(ResendCount(4));
    let response = soon(request.send()).await.unwrap();
    response.text().await.unwrap();
    let clients = of_kind(&traces.all(10).await, &SpanKind::Client);
    let expected = [None, Some(1), Some(2), None, Some(4)];
    assert_eq!(resend_counts(&clients), expected);
}

#[tokio::test]
async fn a_span_ends_with_the_body() {
    let traces = Traces::default();
    let app = Router::new().route("/orders/{id}", get(async || "hello"));
    let address = net::serve(app).await;
    let client = plain().with(traces.client()).build();
    let response = ask(&client, address).await;
    assert_eq!(traces.open(), 1, "the body is still to come");
    assert_eq!(response.text().await.unwrap(), "hello");
    traces.all(1).await;

    // The body is not read.
    drop(ask(&client, address).await);
    let spans = traces.all(2).await;
    assert_cancelled(&spans[1]);
}

#[tokio::test]
async fn a_refused_connection_is_an_error_without_secrets() {
    let traces = Traces::default();
    let client = plain().with(traces.client()).build();
    let request = client.get(format!(
        "http://user:secret@{}/?sig=secret",
        closed_port().await
    ));
    soon(request.send()).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_error(&span, "ConnectionRefused");
    assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
}

/// Fails every request.
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
async fn an_error_of_an_inner_middleware_is_the_spans() {
    let traces = Traces::default();
    let client = plain().with(traces.client()).with(Refuse).build();
    let request = client.get("http://127.0.0.1:1/");
    soon(request.send()).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    let description = assert_error(&span, "PermissionDenied");
    assert_eq!(description, "not you");
}
