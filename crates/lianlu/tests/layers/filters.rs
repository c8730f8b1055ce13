//! Filters leave calls out, or keep them from the sampler; `TraceOptions` change the span of one
//! call.

use ::http::{Response, Version};
use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::get;
use lianlu::{KeyValue, TraceOptions};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, TraceContextExt};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tower::{ServiceBuilder, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::metrics::Metrics;
use crate::common::provider::ProviderKind;
use crate::common::seen::{Seen, traceparent};
use crate::common::traces::{self, Traces, attr, named, text};
use crate::common::{PARENT_ID, TRACE_ID, TRACEPARENT, soon};

const HTTP_SERVER: &str = "http.server.request.duration";
const HTTP_CLIENT: &str = "http.client.request.duration";

fn parent_based() -> Traces {
    Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
}

/// A service that makes a span of its own and calls the next one.
async fn middle(
    traces: &Traces,
    server: lianlu::ServerLayer,
    client: lianlu::ClientLayer,
    next: std::net::SocketAddr,
) -> std::net::SocketAddr {
    let traces = traces.clone();
    let client = net::connect(client, Version::HTTP_11);
    net::serve_root(server, async move || {
        traces.child("in process");
        net::fetch(&client, next, "/").await
    })
    .await
}

async fn call(address: std::net::SocketAddr, traceparent: Option<&str>) {
    let headers = traceparent.map(|value| ("traceparent", value));
    let request = net::request_with(address, "/", headers.as_slice());
    let response = net::send(Version::HTTP_11, request).await;
    assert_eq!(net::read(response).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_filtered_call_has_no_span_and_no_metrics_but_propagates_the_trace() {
    let traces = parent_based();
    let metrics = Metrics::default();
    let seen = Seen::default();
    let next = seen.serve().await;
    let server = metrics.on(traces.server()).with_active_requests();
    let client = metrics.on(traces.client());
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
        assert!(metrics.of(metric).is_empty(), "{metric}");
    }
}

/// Neither here nor by the next services.
#[tokio::test]
async fn a_server_call_kept_from_the_sampler_is_not_sampled() {
    let traces = parent_based();
    let metrics = Metrics::default();
    let seen = Seen::default();
    let next = seen.serve().await;
    let server = metrics.on(traces.server()).with_sampling_filter(|_| false);
    let client = metrics.on(traces.client());
    let address = middle(&traces, server, client, next).await;

    call(address, Some(TRACEPARENT)).await;
    let [trace, parent, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_eq!((trace.as_str(), flags.as_str()), (TRACE_ID, "00"));
    assert_ne!(parent, PARENT_ID, "the next hop is a child of our span");

    call(address, None).await;
    let [first, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_eq!(flags, ProviderKind::from_env().unsampled_flags());
    call(address, None).await;
    let [second, _, _] = traceparent(&seen.header("traceparent").unwrap());
    assert_ne!(first, second, "each call has its own trace");

    assert_eq!(traces.started(), 0);
    metrics.counted(HTTP_SERVER, 3).await;
    metrics.counted(HTTP_CLIENT, 3).await;
}

#[tokio::test]
async fn a_client_call_kept_from_the_sampler_is_not_sampled() {
    let traces = parent_based();
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
    assert_eq!(trace, ids.trace_id().to_string());
    let expected = ids.trace_flags().with_sampled(false);
    assert_eq!(flags, format!("{expected:02x}"));
    assert_ne!(parent, ids.span_id().to_string());

    net::get(&http, next, "/")
        .with_context(root.clone())
        .await
        .unwrap();
    let [_, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    let expected = format!("{:02x}", root.span().span_context().trace_flags());
    assert_eq!(flags, expected, "the filter does not apply to HTTP");
    drop(root);
    traces::client(&traces.all(2).await);
}

#[tokio::test]
async fn health_checks_can_be_filtered() {
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
        let request = net::request_with(address, path, &[("user-agent", agent)]);
        net::send(Version::HTTP_11, request)
    };
    probe("/healthz", "curl").await;
    assert_eq!(traces.started(), 0);
    // The user agent is not trusted.
    probe("/", "kube-probe/1.31").await;
    traces.all(1).await;

    // gRPC's health service, even if the server does not implement it.
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let grpc = |path: &str| net::send(Version::HTTP_2, net::grpc_request(address, path));
    let response = grpc("/grpc.health.v1.Health/Check").await;
    assert_eq!(response.headers()["grpc-status"], "12");
    assert_eq!(traces.started(), 1);
    grpc("/lianlu.testing.Echo/Nothing").await;
    traces.all(2).await;
}

fn renamed() -> TraceOptions {
    TraceOptions::new()
        .with_name("renamed")
        .with_attribute(KeyValue::new("reason", "test"))
}

fn assert_renamed(span: &SpanData) {
    assert_eq!(span.name, "renamed");
    assert_eq!(text(span, "reason"), Some("test"));
}

#[tokio::test]
async fn an_outer_layer_sets_a_servers_options() {
    let traces = Traces::default();
    let metrics = Metrics::default();
    let layer = metrics.on(traces.server());
    let seen = Seen::default();
    let next = seen.serve().await;
    let client = net::connect(lianlu::client().with_filter(|_| false), Version::HTTP_11);
    let forward = async move || net::fetch(&client, next, "/").await;
    let app = |options: TraceOptions| {
        Router::new()
            .route("/", get(forward.clone()))
            .layer(layer.clone())
            .layer(Extension(options))
    };
    let muted = net::serve(app(TraceOptions::muted())).await;
    call(muted, Some(TRACEPARENT)).await;
    assert_eq!(traces.started(), 0);
    assert!(metrics.of(HTTP_SERVER).is_empty());
    assert_eq!(seen.header("traceparent").as_deref(), Some(TRACEPARENT));

    call(net::serve(app(renamed())).await, None).await;
    assert_renamed(&traces::server(&traces.all(1).await));
    metrics.counted(HTTP_SERVER, 1).await;
}

#[tokio::test]
async fn a_request_extension_sets_a_hyper_clients_options() {
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
    ask(renamed()).await;
    assert_renamed(&traces::client(&traces.all(1).await));
}

#[tokio::test]
async fn the_context_sets_a_reqwest_clients_options_for_one_call() {
    let traces = Traces::default();
    let address = Seen::default().serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    // The inner layer's call is a second one, without options.
    let client = ServiceBuilder::new()
        .layer(traces.client())
        .layer(traces.client())
        .service(http);
    let ask = async |options: TraceOptions| {
        let request = net::reqwest_get(&format!("http://{address}/"));
        let context = Context::new().with_value(options);
        let call = client.clone().oneshot(request).with_context(context);
        soon(call).await.unwrap().bytes().await.unwrap();
    };
    ask(renamed()).await;
    let spans = traces.all(2).await;
    assert_renamed(&named(&spans, "renamed"));
    assert_eq!(attr(&named(&spans, "GET"), "reason"), None);

    ask(TraceOptions::muted()).await;
    assert_eq!(traces.all(3).await[2].name, "GET");
}

#[tokio::test]
async fn an_extension_sets_a_reqwest_middlewares_options() {
    let traces = Traces::default();
    let address = Seen::default().serve().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let client = reqwest_middleware::ClientBuilder::new(http)
        .with(traces.client())
        .build();
    for options in [TraceOptions::muted(), renamed()] {
        let request = client
            .get(format!("http://{address}/"))
            .with_extension(options);
        soon(request.send()).await.unwrap().bytes().await.unwrap();
    }
    assert_renamed(&traces::client(&traces.all(1).await));
}

/// Its name takes precedence over the late route of a layer around the router.
#[tokio::test]
async fn a_response_extension_sets_a_servers_options() {
    let answer = async || {
        let mut response = Response::new(Body::from("hello"));
        response.extensions_mut().insert(renamed());
        response
    };
    let traces = Traces::default();
    let app = Router::new().route("/", get(answer)).layer(traces.server());
    call(net::serve(app).await, None).await;
    assert_renamed(&traces::server(&traces.all(1).await));

    let traces = Traces::default();
    let app = Router::new()
        .route("/", get(answer))
        .route_layer(lianlu::route_layer());
    let app = Router::new().fallback_service(app).layer(traces.server());
    call(net::serve(app).await, None).await;
    let span = traces::server(&traces.all(1).await);
    assert_renamed(&span);
    assert_eq!(text(&span, "http.route"), Some("/"));
}

#[tokio::test]
async fn a_muted_response_has_no_effect() {
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
