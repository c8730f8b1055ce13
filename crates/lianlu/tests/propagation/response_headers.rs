//! The trace id in responses: successes, errors, streams.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderName, Method, StatusCode, Version};
use axum::Router;
use axum::routing::get;
use lianlu_protos::testing::echo_client::EchoClient;
use opentelemetry_sdk::trace::{Sampler, SpanData};

use crate::common::TRACEPARENT;
use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, Step, response, scripted};
use crate::common::seen::value;
use crate::common::traces::{self, Traces};

const NAME: HeaderName = HeaderName::from_static("x-trace-id");

fn layer(traces: &Traces) -> lianlu::ServerLayer {
    traces
        .server()
        .with_response_ids(|ids| ids.traceresponse().trace_id(NAME))
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
    let response = net::send(version, request).await;
    let headers = response.headers().clone();
    net::read(response).await.unwrap();
    headers
}

#[track_caller]
fn assert_ids(headers: &HeaderMap, span: &SpanData) {
    let ids = &span.span_context;
    let flags = ids.trace_flags();
    let expected = format!("00-{}-{}-{flags:02x}", ids.trace_id(), ids.span_id());
    assert_eq!(value(headers, "traceresponse"), Some(expected));
    let expected = ids.trace_id().to_string();
    assert_eq!(value(headers, "x-trace-id"), Some(expected));
}

#[track_caller]
fn assert_no_ids(headers: &HeaderMap) {
    assert_eq!(value(headers, "traceresponse"), None);
    assert_ne!(value(headers, "x-trace-id").map(|id| id.len()), Some(32));
}

#[tokio::test]
async fn every_http_response_has_the_ids() {
    for version in net::VERSIONS {
        for path in ["/", "/nowhere", "/no", "/stream"] {
            let traces = Traces::default();
            let headers = headers(serve(layer(&traces)).await, path, version).await;
            assert_ids(&headers, &traces::server(&traces.all(1).await));
        }
    }
}

#[tokio::test]
async fn every_grpc_response_has_the_ids() {
    let traces = Traces::default();
    let address = echo::serve(layer(&traces), Echo::new(&traces)).await;
    let mut client = EchoClient::new(echo::channel(address).connect().await.unwrap());

    let reply = client.unary(message("hello", 0)).await.unwrap();
    let headers = reply.metadata().clone().into_headers();
    assert_ids(&headers, &traces.all(1).await[0]);

    // Trailers only.
    let status = client.unary(message("fail 5 nothing", 0)).await;
    let headers = status.unwrap_err().metadata().clone().into_headers();
    assert_ids(&headers, &traces.all(2).await[1]);

    let reply = client.server_stream(message("tick", 2)).await.unwrap();
    let headers = reply.metadata().clone().into_headers();
    echo::drain(reply).await;
    assert_ids(&headers, &traces.all(3).await[2]);

    // A stream that fails after its head.
    let reply = client.server_stream(message("fail 5 nothing", 1)).await;
    let reply = reply.unwrap();
    let headers = reply.metadata().clone().into_headers();
    let mut replies = reply.into_inner();
    replies.message().await.unwrap().unwrap();
    replies.message().await.unwrap_err();
    assert_ids(&headers, &traces.all(4).await[3]);
}

#[tokio::test]
async fn an_unknown_grpc_method_has_the_ids() {
    let traces = Traces::default();
    let address = echo::serve(layer(&traces), Echo::new(&traces)).await;
    let request = net::grpc_request(address, "/a.B/C");
    let response = net::send(Version::HTTP_2, request).await;
    assert_ids(response.headers(), &traces.all(1).await[0]);
}

#[tokio::test]
async fn an_unsampled_call_has_its_ids_too() {
    let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let headers = headers(serve(layer(&traces)).await, "/", Version::HTTP_11).await;
    let ids = value(&headers, "traceresponse").unwrap();
    assert!(ids.ends_with("-00") || ids.ends_with("-02"), "{ids}");
    let trace_id = value(&headers, "x-trace-id").unwrap();
    assert_eq!(ids.split('-').nth(1), Some(trace_id.as_str()));
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn the_headers_are_separate_options() {
    let traces = Traces::default();
    assert_no_ids(&headers(serve(traces.server()).await, "/", Version::HTTP_11).await);
    let one = traces.server().with_response_ids(|ids| ids.traceresponse());
    let headers = headers(serve(one).await, "/nowhere", Version::HTTP_11).await;
    assert!(headers.contains_key("traceresponse") && !headers.contains_key(NAME));
}

#[tokio::test]
async fn filtered_calls_have_no_ids() {
    let traces = Traces::default();
    let address = serve(layer(&traces).with_filter(|_| false)).await;
    let request = net::request_with(address, "/", &[("traceparent", TRACEPARENT)]);
    let response = net::send(Version::HTTP_11, request).await;
    assert_no_ids(response.headers());
    assert_eq!(
        response.headers()[NAME],
        "stale",
        "the handler's own value is kept"
    );
}
