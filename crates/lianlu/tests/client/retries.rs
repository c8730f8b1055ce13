//! A client that tries again: a span for each attempt, or one for all, as the layers stand.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::http::{Method, Request, Response, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu::{ResendCount, ResponseBody, UrlTemplate};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::retry::{Policy, RetryLayer};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_child, int, text};

const COUNT: &str = "http.request.resend_count";

/// Tries again up to so many times, as long as the answer is an error of the server's.
///
/// The second request is made from scratch: nothing but the target is kept.
#[derive(Debug, Clone)]
struct Again(usize);

impl<B, E> Policy<Request<Body>, Response<B>, E> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Self::Future> {
        let failed = !matches!(result, Ok(response) if !response.status().is_server_error());
        self.0 = self.0.checked_sub(1)?;
        failed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let again = Request::builder().uri(request.uri());
        Some(again.body(Body::empty()).unwrap())
    }
}

impl<E> Policy<reqwest::Request, reqwest::Response, E> for Again {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut reqwest::Request,
        result: &mut Result<reqwest::Response, E>,
    ) -> Option<Self::Future> {
        let failed = !matches!(result, Ok(response) if !response.status().is_server_error());
        self.0 = self.0.checked_sub(1)?;
        failed.then(|| ready(()))
    }

    fn clone_request(&mut self, request: &reqwest::Request) -> Option<reqwest::Request> {
        request.try_clone()
    }
}

/// Answers 503 twice, 200 from then on. Starts anew after `reset`.
async fn flaky(traces: &Traces) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    let app = Router::new()
        .route(
            "/",
            get(async move || match counted.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, "not yet"),
                _ => (StatusCode::OK, "hello"),
            }),
        )
        .layer(traces.server());
    (net::serve(app).await, calls)
}

fn get_root(address: std::net::SocketAddr) -> Request<Body> {
    net::request(Method::GET, address, "/")
}

/// The spans of one kind, in the order they started.
fn of_kind(spans: &[SpanData], kind: SpanKind) -> Vec<SpanData> {
    let mut spans: Vec<_> = spans
        .iter()
        .filter(|span| span.span_kind == kind)
        .cloned()
        .collect();
    spans.sort_by_key(|span| span.start_time);
    spans
}

fn counts(spans: &[SpanData]) -> Vec<Option<i64>> {
    spans.iter().map(|span| int(span, COUNT)).collect()
}

#[tokio::test]
async fn each_attempt_is_a_span() {
    for version in net::VERSIONS {
        let traces = Traces::default();
        let (address, calls) = flaky(&traces).await;
        let mut client = ServiceBuilder::new()
            .layer(lianlu::attempts())
            .layer(RetryLayer::new(Again(5)))
            .layer(traces.client())
            .service(net::plain(version));
        let root = traces.root("caller");
        let caller = root.span().span_context().span_id();
        for _ in 0..2 {
            // The count belongs to the call: the second one starts at nothing again.
            calls.store(0, Ordering::SeqCst);
            let call = async { client.ready().await.unwrap().call(get_root(address)).await };
            let response = soon(call.with_context(root.clone())).await.unwrap();
            assert_eq!(net::read(response).await.unwrap(), "hello");
        }
        drop(root);
        let spans = traces.all(13).await;
        let clients = of_kind(&spans, SpanKind::Client);
        let expected = [None, Some(1), Some(2), None, Some(1), Some(2)];
        assert_eq!(counts(&clients), expected, "{version:?}");
        let servers = of_kind(&spans, SpanKind::Server);
        for (client, server) in clients.iter().zip(&servers) {
            assert_child(server, client);
            assert_eq!(client.parent_span_id, caller, "attempts are siblings");
        }
        let codes = clients
            .iter()
            .map(|span| int(span, "http.response.status_code"));
        let expected = [503, 503, 200, 503, 503, 200].map(Some);
        assert!(codes.eq(expected), "{clients:#?}");
    }
}

#[tokio::test]
async fn outside_of_the_retry_the_call_is_one_span() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(RetryLayer::new(Keeping))
        .service(net::plain(Version::HTTP_11));
    let response = soon(client.oneshot(get_root(address))).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_eq!(int(&client, COUNT), None);
    assert_eq!(int(&client, "http.response.status_code"), Some(200));
    for server in of_kind(&spans, SpanKind::Server) {
        assert_child(&server, &client);
    }
}

/// Tries again with the same headers.
#[derive(Debug, Clone)]
struct Keeping;

impl<B, E> Policy<Request<Body>, Response<B>, E> for Keeping {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Body>,
        result: &mut Result<Response<B>, E>,
    ) -> Option<Self::Future> {
        matches!(result, Ok(response) if response.status().is_server_error()).then(|| ready(()))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let mut again = Request::new(Body::empty());
        *again.uri_mut() = request.uri().clone();
        *again.headers_mut() = request.headers().clone();
        Some(again)
    }
}

#[tokio::test]
async fn outside_and_inside_make_a_tree() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(5)))
        .layer(traces.client())
        .service(net::plain(Version::HTTP_11));
    let response = soon(client.oneshot(get_root(address))).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let spans = traces.all(7).await;
    let mut clients = of_kind(&spans, SpanKind::Client);
    let whole = clients.remove(0);
    assert_eq!(counts(&clients), [None, Some(1), Some(2)]);
    for (attempt, server) in clients.iter().zip(of_kind(&spans, SpanKind::Server)) {
        assert_child(attempt, &whole);
        assert_child(&server, attempt);
    }
}

/// Neither a filtered nor an unsampled attempt is skipped in the count.
#[tokio::test]
async fn attempts_without_a_span_count() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let first = Arc::<AtomicUsize>::default();
    let layer = traces
        .client()
        .with_filter(move |_| first.fetch_add(1, Ordering::SeqCst) != 0);
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(5)))
        .layer(layer)
        .service(net::plain(Version::HTTP_11));
    net::read(soon(client.oneshot(get_root(address))).await.unwrap())
        .await
        .unwrap();
    let spans = traces.all(5).await;
    let clients = of_kind(&spans, SpanKind::Client);
    assert_eq!(counts(&clients), [Some(1), Some(2)]);

    #[derive(Debug, Clone)]
    struct NotTheFirst(Arc<AtomicUsize>);
    impl opentelemetry_sdk::trace::ShouldSample for NotTheFirst {
        fn should_sample(
            &self,
            parent: Option<&Context>,
            trace: opentelemetry::TraceId,
            name: &str,
            kind: &SpanKind,
            attributes: &[opentelemetry::KeyValue],
            links: &[opentelemetry::trace::Link],
        ) -> opentelemetry_sdk::trace::SamplingResult {
            let sampler = match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Sampler::AlwaysOff,
                _ => Sampler::AlwaysOn,
            };
            sampler.should_sample(parent, trace, name, kind, attributes, links)
        }
    }
    let traces = Traces::with_sampler(NotTheFirst(Arc::default()));
    let (address, _) = flaky(&Traces::default()).await;
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(5)))
        .layer(traces.client())
        .service(net::plain(Version::HTTP_11));
    net::read(soon(client.oneshot(get_root(address))).await.unwrap())
        .await
        .unwrap();
    assert_eq!(counts(&traces.finished()), [Some(1), Some(2)]);
}

/// A transport that asks somebody else first, with a traced client of its own: not an attempt.
#[tokio::test]
async fn calls_made_inside_an_attempt_do_not_count() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let (token_server, calls) = flaky(&Traces::default()).await;
    calls.store(2, Ordering::SeqCst);
    let transport = net::plain(Version::HTTP_11);
    let tokens = net::connect(traces.client().with_tracer_name("tokens"), Version::HTTP_11);
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(5)))
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
    let clients = of_kind(&traces.all(9).await, SpanKind::Client);
    let (inner, attempts): (Vec<_>, Vec<_>) = clients
        .into_iter()
        .partition(|span| span.instrumentation_scope.name() == "tokens");
    assert_eq!(counts(&attempts), [None, Some(1), Some(2)]);
    assert_eq!(counts(&inner), [None; 3]);
    for (inner, attempt) in inner.iter().zip(&attempts) {
        assert_child(inner, attempt);
    }
}

/// Two calls at once, each with its own count.
#[tokio::test]
async fn calls_at_the_same_time_count_alone() {
    let traces = Traces::default();
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(2)))
        .layer(traces.client())
        .service(tower::service_fn(async |_: Request<Body>| {
            tokio::task::yield_now().await;
            Err::<Response<ResponseBody<Body>>, _>(std::io::Error::other("down"))
        }));
    let call = || client.clone().oneshot(Request::new(Body::empty()));
    let (first, second) = soon(async { tokio::join!(call(), call()) }).await;
    assert!(first.is_err() && second.is_err());
    let mut counts = counts(&traces.all(6).await);
    counts.sort();
    assert_eq!(counts, [None, None, Some(1), Some(1), Some(2), Some(2)]);
}

/// The same around reqwest, whose requests are of another type, with a time limit whose errors are too.
#[tokio::test]
async fn around_reqwest() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let client = ServiceBuilder::new()
        .layer(lianlu::attempts())
        .layer(RetryLayer::new(Again(5)))
        .layer(traces.client())
        .timeout(crate::common::PATIENCE)
        .service(reqwest::Client::builder().no_proxy().build().unwrap());
    let request = reqwest::Request::new(Method::GET, format!("http://{address}").parse().unwrap());
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
    let spans = traces.all(6).await;
    let clients = of_kind(&spans, SpanKind::Client);
    assert_eq!(counts(&clients), [None, Some(1), Some(2)]);
    for (client, server) in clients.iter().zip(of_kind(&spans, SpanKind::Server)) {
        assert_child(&server, client);
    }
}

#[tokio::test]
async fn by_hand() {
    let traces = Traces::default();
    let (address, _) = flaky(&traces).await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    for attempt in 0..3 {
        let mut request = get_root(address);
        request.extensions_mut().insert(ResendCount(attempt));
        let response = soon(client.clone().oneshot(request)).await.unwrap();
        net::read(response).await.unwrap();
    }
    // reqwest has no extensions, so the context says it.
    let context = Context::new().with_value(ResendCount(7));
    let request = reqwest::Request::new(Method::GET, format!("http://{address}").parse().unwrap());
    let call = soon(net::reqwest(traces.client()).oneshot(request));
    let response = call.with_context(context).await.unwrap();
    response.text().await.unwrap();
    let clients = of_kind(&traces.all(8).await, SpanKind::Client);
    assert_eq!(counts(&clients), [None, Some(1), Some(2), Some(7)]);
}

#[tokio::test]
async fn the_template_names_the_span() {
    let traces = Traces::default();
    let app = Router::new().route("/orders/{id}", get(async || "an order"));
    let address = net::serve(app).await;
    let template = UrlTemplate("/orders/{id}".into());
    let client = net::connect(traces.client(), Version::HTTP_11);

    let mut request = net::request(Method::GET, address, "/orders/7");
    request.extensions_mut().insert(template.clone());
    let response = soon(client.oneshot(request)).await.unwrap();
    net::read(response).await.unwrap();

    let url = format!("http://{address}/orders/8").parse().unwrap();
    let request = reqwest::Request::new(Method::GET, url);
    let call = soon(net::reqwest(traces.client()).oneshot(request));
    let context = Context::new().with_value(template);
    let response = call.with_context(context).await.unwrap();
    response.text().await.unwrap();

    for span in traces.all(2).await {
        assert_eq!(span.name, "GET /orders/{id}");
        assert_eq!(text(&span, "url.template"), Some("/orders/{id}"));
    }
}
