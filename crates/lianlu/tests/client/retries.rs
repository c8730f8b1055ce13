//! Retries: one span for each attempt, or one for all, by the order of the layers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Method, Request, Response, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::layer::{ResendCount, ResponseBody, UrlTemplate};
use opentelemetry::trace::{FutureExt, Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};
use tower::retry::RetryLayer;
use tower::{Service, ServiceBuilder, ServiceExt};

use super::flaky::{self, Retry, resend_counts};
use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_child, http_status, of_kind, text};

fn get_root(address: SocketAddr) -> Request<Body> {
    net::request(Method::GET, address, "/")
}

#[tokio::test]
async fn each_attempt_is_a_span() {
    for version in net::VERSIONS {
        let traces = Traces::default();
        let (address, calls) = flaky::serve(&traces).await;
        let mut client = ServiceBuilder::new()
            .layer(lianlu::attempts())
            .layer(RetryLayer::new(Retry::up_to(5)))
            .layer(traces.client())
            .service(net::plain(version));
        let root = traces.root("caller");
        let caller = root.span().span_context().span_id();
        for _ in 0..2 {
            // The count belongs to the call, so the second one starts anew.
            calls.store(0, Ordering::SeqCst);
            let call = async { client.ready().await.unwrap().call(get_root(address)).await };
            let response = soon(call.with_context(root.clone())).await.unwrap();
            assert_eq!(net::read(response).await.unwrap(), "hello");
        }
        drop(root);
        let spans = traces.all(13).await;
        let clients = of_kind(&spans, &SpanKind::Client);
        let expected = [None, Some(1), Some(2), None, Some(1), Some(2)];
        assert_eq!(resend_counts(&clients), expected, "{version:?}");
        let servers = of_kind(&spans, &SpanKind::Server);
        for (client, server) in clients.iter().zip(&servers) {
            assert_child(server, client);
            assert_eq!(client.parent_span_id, caller, "attempts are siblings");
        }
        let codes = clients.iter().map(http_status);
        let expected = [503, 503, 200, 503, 503, 200].map(Some);
        assert!(codes.eq(expected), "{clients:#?}");
    }
}

#[tokio::test]
async fn outside_of_the_retry_the_call_is_one_span() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(RetryLayer::new(Retry {
            max: 5,
            keeps_headers: true,
        }))
        .service(net::plain(Version::HTTP_11));
    let response = soon(client.oneshot(get_root(address))).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_eq!(resend_counts(std::slice::from_ref(&client)), [None]);
    assert_eq!(http_status(&client), Some(200));
    for server in of_kind(&spans, &SpanKind::Server) {
        assert_child(&server, &client);
    }
}

#[tokio::test]
async fn a_layer_outside_and_one_inside_of_the_retry_make_a_tree() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(5)))
        .layer(traces.client())
        .service(net::plain(Version::HTTP_11));
    let response = soon(client.oneshot(get_root(address))).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let spans = traces.all(7).await;
    let mut clients = of_kind(&spans, &SpanKind::Client);
    let whole = clients.remove(0);
    assert_eq!(resend_counts(&clients), [None, Some(1), Some(2)]);
    for (attempt, server) in clients.iter().zip(of_kind(&spans, &SpanKind::Server)) {
        assert_child(attempt, &whole);
        assert_child(&server, attempt);
    }
}

/// Samples all spans but the first.
#[derive(Debug, Clone, Default)]
struct NotTheFirst(Arc<AtomicUsize>);

impl ShouldSample for NotTheFirst {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Sampler::AlwaysOff,
            _ => Sampler::AlwaysOn,
        };
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

/// Filtered and unsampled ones.
#[tokio::test]
async fn attempts_without_a_span_are_counted() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let first = Arc::<AtomicUsize>::default();
    let layer = traces
        .client()
        .with_filter(move |_| first.fetch_add(1, Ordering::SeqCst) != 0);
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(5)))
        .layer(layer)
        .service(net::plain(Version::HTTP_11));
    net::read(soon(client.oneshot(get_root(address))).await.unwrap())
        .await
        .unwrap();
    let spans = traces.all(5).await;
    let clients = of_kind(&spans, &SpanKind::Client);
    assert_eq!(resend_counts(&clients), [Some(1), Some(2)]);

    let traces = Traces::with_sampler(lianlu::Sampler::custom(NotTheFirst::default()));
    let (address, _) = flaky::serve(&Traces::default()).await;
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(5)))
        .layer(traces.client())
        .service(net::plain(Version::HTTP_11));
    net::read(soon(client.oneshot(get_root(address))).await.unwrap())
        .await
        .unwrap();
    assert_eq!(resend_counts(&traces.finished()), [Some(1), Some(2)]);
}

/// A transport that fetches a token first, with a traced client of its own.
#[tokio::test]
async fn other_calls_inside_an_attempt_are_not_counted() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let (token_server, calls) = flaky::serve(&Traces::default()).await;
    calls.store(2, Ordering::SeqCst);
    let transport = net::plain(Version::HTTP_11);
    let tokens = net::connect(traces.client().with_tracer_name("tokens"), Version::HTTP_11);
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(5)))
        .layer(traces.client())
        .service(tower::service_fn(move |request: Request<Body>| {
            let (tokens, transport) = (tokens.clone(), transport.clone());
            async move {
                let token = tokens.oneshot(get_root(token_server)).await.unwrap();
                net::read(token).await.unwrap();
                transport.oneshot(request).await
            }
        }));
    let response = soon(client.oneshot(get_root(address))).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let clients = of_kind(&traces.all(9).await, &SpanKind::Client);
    let (inner, attempts): (Vec<_>, Vec<_>) = clients
        .into_iter()
        .partition(|span| span.instrumentation_scope.name() == "tokens");
    assert_eq!(resend_counts(&attempts), [None, Some(1), Some(2)]);
    assert_eq!(resend_counts(&inner), [None; 3]);
    for (inner, attempt) in inner.iter().zip(&attempts) {
        assert_child(inner, attempt);
    }
}

#[tokio::test]
async fn concurrent_calls_have_their_own_counts() {
    let traces = Traces::default();
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(2)))
        .layer(traces.client())
        .service(tower::service_fn(async |_: Request<Body>| {
            tokio::task::yield_now().await;
            Err::<Response<ResponseBody<Body>>, _>(std::io::Error::other("down"))
        }));
    let call = || client.clone().oneshot(Request::new(Body::empty()));
    let (first, second) = soon(async { tokio::join!(call(), call()) }).await;
    assert!(first.is_err() && second.is_err());
    let mut counts = resend_counts(&traces.all(6).await);
    counts.sort_unstable();
    assert_eq!(counts, [None, None, Some(1), Some(1), Some(2), Some(2)]);
}

/// reqwest has its own request type, and `timeout` its own error type.
#[tokio::test]
async fn attempts_around_reqwest_are_counted() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Retry::up_to(5)))
        .layer(traces.client())
        .timeout(crate::common::PATIENCE)
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let request = net::reqwest_get(&format!("http://{address}"));
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(6).await;
    let clients = of_kind(&spans, &SpanKind::Client);
    assert_eq!(resend_counts(&clients), [None, Some(1), Some(2)]);
    for (client, server) in clients.iter().zip(of_kind(&spans, &SpanKind::Server)) {
        assert_child(&server, client);
    }
}

#[tokio::test]
async fn users_can_set_the_count() {
    let traces = Traces::default();
    let (address, _) = flaky::serve(&traces).await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    for attempt in 0..3 {
        let mut request = get_root(address);
        request.extensions_mut().insert(ResendCount(attempt));
        let response = soon(client.clone().oneshot(request)).await.unwrap();
        net::read(response).await.unwrap();
    }
    // reqwest has no extensions, so the count is in the context.
    let context = Context::new().with_value(ResendCount(7));
    let request = net::reqwest_get(&format!("http://{address}"));
    let call = soon(net::reqwest(traces.client()).oneshot(request));
    let response = call.with_context(context).await.unwrap();
    response.text().await.unwrap();
    let clients = of_kind(&traces.all(8).await, &SpanKind::Client);
    assert_eq!(resend_counts(&clients), [None, Some(1), Some(2), Some(7)]);
}

#[tokio::test]
async fn a_url_template_names_the_span() {
    let traces = Traces::default();
    let app = Router::new().route("/orders/{id}", get(async || "an order"));
    let address = net::serve(app).await;
    let template = UrlTemplate("/orders/{id}".into());
    let client = net::connect(traces.client(), Version::HTTP_11);

    let mut request = net::request(Method::GET, address, "/orders/7");
    request.extensions_mut().insert(template.clone());
    let response = soon(client.oneshot(request)).await.unwrap();
    net::read(response).await.unwrap();

    let request = net::reqwest_get(&format!("http://{address}/orders/8"));
    let call = soon(net::reqwest(traces.client()).oneshot(request));
    let context = Context::new().with_value(template);
    let response = call.with_context(context).await.unwrap();
    response.text().await.unwrap();

    for span in traces.all(2).await {
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(text(&span, "url.template"), Some("/orders/{id}"));
    }
}
