//! Calls that are left out: of everything, or of the sampler's choice alone; and what a single request
//! asks of its span.

use ::http::{Request, Response, Version};
use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use lianlu::{KeyValue, TraceOptions};
use opentelemetry::Context;
use opentelemetry::trace::FutureExt;
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{ServiceBuilder, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::measured::Measured;
use crate::common::seen::{Seen, traceparent};
use crate::common::soon;
use crate::common::traces::{self, Traces, attr, named, text};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";
const HTTP_SERVER: &str = "http.server.request.duration";
const HTTP_CLIENT: &str = "http.client.request.duration";

fn respecting() -> Traces {
    Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
}

/// A service in the middle: makes a span of its own, and calls the next one through `client`.
async fn middle(
    traces: &Traces,
    server: lianlu::ServerLayer,
    client: lianlu::ClientLayer,
    next: std::net::SocketAddr,
) -> std::net::SocketAddr {
    let traces = traces.clone();
    let client = net::connect(client, Version::HTTP_11);
    let app = Router::new()
        .route(
            "/",
            get(async move || {
                traces.child("in process");
                let response = net::get(&client, next, "/").await.unwrap();
                net::read(response).await.unwrap()
            }),
        )
        .layer(server);
    net::serve(app).await
}

async fn call(address: std::net::SocketAddr, traceparent: Option<&str>) {
    let mut request = Request::get(format!("http://{address}/"));
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = soon(net::plain(Version::HTTP_11).request(request)).await;
    assert_eq!(net::read(response.unwrap()).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_filtered_call_has_no_span_and_no_metrics_and_the_trace_goes_on() {
    let traces = respecting();
    let measured = Measured::default();
    let seen = Seen::default();
    let next = seen.serve().await;
    let server = traces
        .server()
        .with_meter_provider(measured.provider.clone())
        .with_active_requests();
    let client = traces
        .client()
        .with_meter_provider(measured.provider.clone());
    let address = middle(
        &traces,
        server.with_filter(|_| false),
        client.with_filter(|_| false),
        next,
    )
    .await;
    call(address, Some(TRACEPARENT)).await;
    assert_eq!(seen.header("traceparent").as_deref(), Some(TRACEPARENT));
    let spans = traces.all(1).await;
    let child = named(&spans, "in process");
    assert_eq!(child.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(child.parent_span_id.to_string(), PARENT_ID);

    call(address, None).await;
    assert_eq!(seen.header("traceparent"), None, "there is no trace");
    for metric in [HTTP_SERVER, HTTP_CLIENT, "http.server.active_requests"] {
        assert!(measured.now(metric).is_empty(), "{metric}");
    }
}

/// What the sampler is not asked about is not sampled here, nor further on.
#[tokio::test]
async fn a_call_kept_from_the_sampler_leads_to_nothing_sampled() {
    let traces = respecting();
    let measured = Measured::default();
    let seen = Seen::default();
    let next = seen.serve().await;
    let server = traces
        .server()
        .with_meter_provider(measured.provider.clone())
        .with_sampling_filter(|_| false);
    let client = traces
        .client()
        .with_meter_provider(measured.provider.clone());
    let address = middle(&traces, server, client, next).await;

    call(address, Some(TRACEPARENT)).await;
    let [trace, parent, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    assert_ne!(parent, PARENT_ID, "the next hop is not our caller's child");

    call(address, None).await;
    let [first, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_eq!(flags, "00");
    call(address, None).await;
    let [second, _, _] = traceparent(&seen.header("traceparent").unwrap());
    assert_ne!(first, second, "each is a trace of its own");

    assert_eq!(traces.started(), 0);
    measured.of(HTTP_SERVER, 3).await;
    measured.of(HTTP_CLIENT, 3).await;
}

#[tokio::test]
async fn a_clients_call_kept_from_the_sampler() {
    let traces = respecting();
    let seen = Seen::default();
    let next = seen.serve().await;
    let layer = traces.client().with_sampling_filter(|head| !head.is_grpc());
    let http = net::connect(layer.clone(), Version::HTTP_11);
    let mut grpc = echo::connect(layer, next).await;

    let root = traces.root("root");
    let call = grpc.unary(message("hello", 0));
    call.with_context(root.clone()).await.unwrap();
    let [trace, parent, flags] = traceparent(&seen.header("traceparent").unwrap());
    let ids = opentelemetry::trace::TraceContextExt::span(&root);
    let ids = ids.span_context();
    assert_eq!(
        (trace, flags),
        (ids.trace_id().to_string(), "00".to_owned())
    );
    assert_ne!(parent, ids.span_id().to_string());

    net::get(&http, next, "/")
        .with_context(root.clone())
        .await
        .unwrap();
    let [_, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_eq!(flags, "01", "the filter lets this one be sampled");
    drop(root);
    traces::client(&traces.all(2).await);
}

#[tokio::test]
async fn health_checks_are_left_out() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .with_filter(|head| !lianlu::health_checks(head));
    let app = Router::new()
        .route("/healthz", get(async || "hello"))
        .route("/", get(async || "hello"))
        .layer(layer.clone());
    let address = net::serve(app).await;
    let probe = |path: &str, agent: &str| {
        let request = Request::get(format!("http://{address}{path}")).header("user-agent", agent);
        let request = request.body(Body::empty()).unwrap();
        let client = net::plain(Version::HTTP_11);
        async move { soon(client.request(request)).await.unwrap() }
    };
    probe("/healthz", "curl").await;
    assert_eq!(traces.started(), 0);
    // Anybody can call himself a probe.
    probe("/", "kube-probe/1.31").await;
    traces.all(1).await;

    // gRPC's own health service, at a server that need not have it.
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let grpc = |path: &str| {
        let request = Request::post(format!("http://{address}{path}"))
            .header("content-type", "application/grpc")
            .body(Body::empty());
        let client = net::plain(Version::HTTP_2);
        async move { soon(client.request(request.unwrap())).await.unwrap() }
    };
    let response = grpc("/grpc.health.v1.Health/Check").await;
    assert_eq!(response.headers()["grpc-status"], "12");
    assert_eq!(traces.started(), 1);
    grpc("/lianlu.testing.Echo/Nothing").await;
    traces.all(2).await;
}

fn asked() -> TraceOptions {
    TraceOptions::new()
        .with_name("asked for")
        .with_attribute(KeyValue::new("why", "asked"))
}

fn assert_asked(span: &SpanData) {
    assert_eq!(span.name, "asked for");
    assert_eq!(text(span, "why"), Some("asked"));
}

fn assert_not_asked(span: &SpanData) {
    assert_ne!(span.name, "asked for");
    assert_eq!(attr(span, "why"), None);
}

#[tokio::test]
async fn a_server_is_asked_by_an_outer_layer() {
    let traces = Traces::default();
    let measured = Measured::default();
    let layer = traces
        .server()
        .with_meter_provider(measured.provider.clone());
    let seen = Seen::default();
    let next = seen.serve().await;
    let client = net::connect(lianlu::client().with_filter(|_| false), Version::HTTP_11);
    let forward = async move || {
        let response = net::get(&client, next, "/").await.unwrap();
        net::read(response).await.unwrap()
    };
    let app = |options: TraceOptions| {
        Router::new()
            .route("/", get(forward.clone()))
            .layer(layer.clone())
            .layer(Extension(options))
    };
    call(
        net::serve(app(TraceOptions::muted())).await,
        Some(TRACEPARENT),
    )
    .await;
    assert_eq!(traces.started(), 0);
    assert!(measured.now(HTTP_SERVER).is_empty());
    assert_eq!(seen.header("traceparent").as_deref(), Some(TRACEPARENT));

    call(net::serve(app(asked())).await, None).await;
    assert_asked(&traces::server(&traces.all(1).await));
    measured.of(HTTP_SERVER, 1).await;
}

#[tokio::test]
async fn a_hyper_client_is_asked_by_its_request() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let ask = async |options: TraceOptions| {
        let mut request = net::request(::http::Method::GET, address, "/");
        request.extensions_mut().insert(options);
        let response = soon(client.clone().oneshot(request)).await.unwrap();
        net::read(response).await.unwrap();
    };
    ask(TraceOptions::muted()).await;
    assert_eq!(traces.started(), 0);
    assert_eq!(seen.header("traceparent"), None);
    ask(asked()).await;
    assert_asked(&traces::client(&traces.all(1).await));
}

#[tokio::test]
async fn a_reqwest_client_is_asked_by_the_context_for_one_call() {
    let traces = Traces::default();
    let address = Seen::default().serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // The inner layer's call is another one.
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(traces.client())
        .service(http);
    let ask = async |options: TraceOptions| {
        let url = format!("http://{address}/").parse().unwrap();
        let request = reqwest::Request::new(::http::Method::GET, url);
        let context = Context::new().with_value(options);
        let call = client.clone().oneshot(request).with_context(context);
        soon(call).await.unwrap().bytes().await.unwrap();
    };
    ask(asked()).await;
    let spans = traces.all(2).await;
    assert_asked(&named(&spans, "asked for"));
    assert_not_asked(&named(&spans, "GET"));

    ask(TraceOptions::muted()).await;
    assert_eq!(traces.all(3).await[2].name, "GET");
}

#[tokio::test]
async fn a_middlewares_call_is_asked_by_its_extension() {
    let traces = Traces::default();
    let address = Seen::default().serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(traces.client())
        .build();
    for options in [TraceOptions::muted(), asked()] {
        let request = client
            .get(format!("http://{address}/"))
            .with_extension(options);
        soon(request.send()).await.unwrap().bytes().await.unwrap();
    }
    assert_asked(&traces::client(&traces.all(1).await));
}

/// A handler names its span after the fact, also where the layer around the router would name it by the
/// route.
#[tokio::test]
async fn a_response_asks_after_the_fact() {
    let answer = async || {
        let mut response = Response::new(Body::from("hello"));
        response.extensions_mut().insert(asked());
        response
    };
    let traces = Traces::default();
    let app = Router::new().route("/", get(answer)).layer(traces.server());
    call(net::serve(app).await, None).await;
    assert_asked(&traces::server(&traces.all(1).await));

    let traces = Traces::default();
    let app = Router::new()
        .route("/", get(answer))
        .route_layer(lianlu::route_layer());
    let app = Router::new().fallback_service(app).layer(traces.server());
    call(net::serve(app).await, None).await;
    let span = traces::server(&traces.all(1).await);
    assert_asked(&span);
    assert_eq!(text(&span, "http.route"), Some("/"));
}

#[tokio::test]
async fn a_muted_response_comes_too_late() {
    let traces = Traces::default();
    let answer = async || {
        let mut response = Response::new(Body::from("hello"));
        response.extensions_mut().insert(TraceOptions::muted());
        response
    };
    let app = Router::new().route("/", get(answer)).layer(traces.server());
    call(net::serve(app).await, None).await;
    assert_eq!(traces::server(&traces.all(1).await).name, "GET /");
}
