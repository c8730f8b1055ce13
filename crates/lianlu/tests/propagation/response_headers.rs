//! The trace's id in each response: successes, errors, streams.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderName, Method, Request, StatusCode, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use lianlu_protos::testing::echo_client::EchoClient;
use opentelemetry_sdk::trace::{Sampler, SpanData};

use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::seen::value;
use crate::common::soon;
use crate::common::traces::{self, Traces};

const NAME: HeaderName = HeaderName::from_static("x-trace-id");
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn layer(traces: &Traces) -> lianlu::ServerLayer {
    traces
        .server()
        .with_traceresponse()
        .with_trace_id_header(NAME)
}

async fn serve(layer: lianlu::ServerLayer) -> SocketAddr {
    let app = Router::new()
        .route("/", get(async || ([(NAME, "stale")], "hello")))
        .route("/no", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/stream",
            get(async || response(None, scripted([Step::Data("a"), Step::Data("b")]))),
        )
        .layer(layer);
    net::serve(app).await
}

async fn headers(address: SocketAddr, path: &str, version: Version) -> HeaderMap {
    let request = net::request(Method::GET, address, path);
    let response = soon(net::plain(version).request(request)).await.unwrap();
    let headers = response.headers().clone();
    net::read(response).await.unwrap();
    headers
}

#[track_caller]
fn assert_told(headers: &HeaderMap, span: &SpanData) {
    let ids = &span.span_context;
    let expected = format!("00-{}-{}-01", ids.trace_id(), ids.span_id());
    assert_eq!(value(headers, "traceresponse"), Some(expected));
    let expected = ids.trace_id().to_string();
    assert_eq!(value(headers, "x-trace-id"), Some(expected));
}

#[track_caller]
fn assert_not_told(headers: &HeaderMap) {
    assert_eq!(value(headers, "traceresponse"), None);
    assert_ne!(value(headers, "x-trace-id").map(|id| id.len()), Some(32));
}

#[tokio::test]
async fn on_every_answer_of_http() {
    for version in net::VERSIONS {
        for path in ["/", "/nowhere", "/no", "/stream"] {
            let traces = Traces::default();
            let headers = headers(serve(layer(&traces)).await, path, version).await;
            assert_told(&headers, &traces::server(&traces.all(1).await));
        }
    }
}

#[tokio::test]
async fn on_every_answer_of_grpc() {
    let traces = Traces::default();
    let address = echo::serve(layer(&traces), Echo::new(&traces)).await;
    let mut client = EchoClient::new(echo::channel(address).connect().await.unwrap());

    let reply = client.unary(message("hello", 0)).await.unwrap();
    let headers = reply.metadata().clone().into_headers();
    assert_told(&headers, &traces.all(1).await[0]);

    // Trailers alone.
    let status = client.unary(message("fail 5 nothing", 0)).await;
    let headers = status.unwrap_err().metadata().clone().into_headers();
    assert_told(&headers, &traces.all(2).await[1]);

    let reply = client.server_stream(message("tick", 2)).await.unwrap();
    let headers = reply.metadata().clone().into_headers();
    let mut replies = reply.into_inner();
    while replies.message().await.unwrap().is_some() {}
    assert_told(&headers, &traces.all(3).await[2]);

    // One that fails after its head: the head had it already.
    let reply = client.server_stream(message("fail 5 nothing", 1)).await;
    let reply = reply.unwrap();
    let headers = reply.metadata().clone().into_headers();
    let mut replies = reply.into_inner();
    replies.message().await.unwrap().unwrap();
    replies.message().await.unwrap_err();
    assert_told(&headers, &traces.all(4).await[3]);
}

#[tokio::test]
async fn a_method_that_nobody_serves() {
    let traces = Traces::default();
    let address = echo::serve(layer(&traces), Echo::new(&traces)).await;
    let request = Request::post(format!("http://{address}/a.B/C"))
        .header("content-type", "application/grpc")
        .body(Body::empty());
    let call = net::plain(Version::HTTP_2).request(request.unwrap());
    let response = soon(call).await.unwrap();
    assert_told(response.headers(), &traces.all(1).await[0]);
}

/// The header tells whether the trace is kept.
#[tokio::test]
async fn a_call_that_is_not_sampled_says_so() {
    let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    for layer in [
        layer(&traces),
        layer(&traces).with_sampling_filter(|_| false),
    ] {
        let headers = headers(serve(layer).await, "/", Version::HTTP_11).await;
        let told = value(&headers, "traceresponse").unwrap();
        assert!(told.ends_with("-00"), "{told}");
        let trace_id = value(&headers, "x-trace-id").unwrap();
        assert_eq!(told.split('-').nth(1), Some(trace_id.as_str()));
    }
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn only_when_it_was_asked_for() {
    let traces = Traces::default();
    assert_not_told(&headers(serve(traces.server()).await, "/", Version::HTTP_11).await);
    let one = traces.server().with_traceresponse();
    let headers = headers(serve(one).await, "/nowhere", Version::HTTP_11).await;
    assert!(headers.contains_key("traceresponse") && !headers.contains_key(NAME));
}

#[tokio::test]
async fn not_on_calls_without_a_span() {
    let traces = Traces::default();
    let address = serve(layer(&traces).with_filter(|_| false)).await;
    let request = Request::get(format!("http://{address}/"))
        .header("traceparent", TRACEPARENT)
        .body(Body::empty());
    let call = net::plain(Version::HTTP_11).request(request.unwrap());
    let response = soon(call).await.unwrap();
    assert_not_told(response.headers());
    assert_eq!(response.headers()[NAME], "stale", "the handler's own stays");
}
