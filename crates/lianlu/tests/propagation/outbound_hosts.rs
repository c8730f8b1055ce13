//! Trace, baggage and service name are sent to the hosts of a list only.

use std::net::SocketAddr;

use ::http::{HeaderMap, HeaderValue, Method, Version};
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use lianlu::net::HostList;
use lianlu::propagation::TraceContext;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::FutureExt;
use opentelemetry::{Context, KeyValue};
use tower::ServiceExt;

use crate::common::echo::{self, message};
use crate::common::http as net;
use crate::common::seen::{Seen, traceparent, value};
use crate::common::traces::Traces;
use crate::common::{TRACE_ID, TRACEPARENT, soon};

const NAMES: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-md-service-name"];

fn hosts(entries: &[&str]) -> HostList {
    HostList::new(entries).unwrap()
}

fn layer(traces: &Traces, entries: &[&str]) -> lianlu::ClientLayer {
    traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop"))
        .with_outbound_hosts(hosts(entries))
}

/// Headers that a proxy might copy from the request that it serves.
fn stale() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("traceparent", TRACEPARENT),
        ("tracestate", "stale=1"),
        ("baggage", "stale=1"),
        ("x-md-service-name", "stale"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
        headers.append(name, HeaderValue::from_static(value));
    }
    headers.insert("x-other", HeaderValue::from_static("stays"));
    headers
}

fn context() -> Context {
    Context::new().with_baggage([KeyValue::new("tenant", "acme")])
}

#[track_caller]
fn assert_sent(headers: &HeaderMap) {
    let [trace, ..] = traceparent(&value(headers, "traceparent").unwrap());
    assert_ne!(trace, TRACE_ID);
    assert_eq!(value(headers, "tracestate"), None);
    assert_eq!(value(headers, "baggage").as_deref(), Some("tenant=acme"));
    assert_eq!(value(headers, "x-md-service-name").as_deref(), Some("shop"));
    assert_eq!(value(headers, "x-other").as_deref(), Some("stays"));
}

#[track_caller]
fn assert_not_sent(headers: &HeaderMap) {
    for name in NAMES {
        assert!(!headers.contains_key(name), "{headers:?}");
    }
    assert_eq!(value(headers, "x-other").as_deref(), Some("stays"));
}

async fn hyper(layer: lianlu::ClientLayer, uri: &str) {
    let mut request = net::request(Method::GET, ([127, 0, 0, 1], 0).into(), "/");
    *request.uri_mut() = uri.parse().unwrap();
    request.headers_mut().extend(stale());
    let call = net::connect(layer, Version::HTTP_11).oneshot(request);
    let response = soon(call.with_context(context())).await.unwrap();
    net::read(response).await.unwrap();
}

async fn reqwest(layer: lianlu::ClientLayer, url: &str) {
    let mut request = reqwest::Request::new(Method::GET, url.parse().unwrap());
    request.headers_mut().extend(stale());
    let call = net::reqwest(layer).oneshot(request);
    let response = soon(call.with_context(context())).await.unwrap();
    response.bytes().await.unwrap();
}

async fn tonic(layer: lianlu::ClientLayer, address: SocketAddr, more: &[(&str, &str)]) {
    let mut client = echo::connect(layer, address).await;
    let mut request = tonic::Request::new(message("hello", 0));
    let mut headers = stale();
    for (name, value) in more {
        let name: ::http::HeaderName = name.parse().unwrap();
        headers.insert(name, value.parse().unwrap());
    }
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
    soon(client.unary(request).with_context(context()))
        .await
        .unwrap();
}

#[tokio::test]
async fn hyper_and_reqwest_are_matched_by_url() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let port = address.port();
    let (here, url) = (format!("127.0.0.1:{port}"), format!("http://{address}/"));
    let by_name = format!("http://localhost:{port}/");
    for (entries, url, is_sent) in [
        (&["*"][..], &url, true),
        (&[&here], &url, true),
        (&["127.0.0.0/8"], &url, true),
        (&["orders", "localhost"], &by_name, true),
        (&["*.internal", "10.0.0.0/8", "127.0.0.1:1"], &url, false),
        (&[], &url, false),
        // Names are not resolved.
        (&["127.0.0.0/8"], &by_name, false),
    ] {
        hyper(layer(&traces, entries), url).await;
        let from_hyper = seen.take();
        reqwest(layer(&traces, entries), url).await;
        for headers in [from_hyper, seen.take()] {
            if is_sent {
                assert_sent(&headers);
            } else {
                assert_not_sent(&headers);
            }
        }
    }
    // All calls are traced.
    traces.all(14).await;
}

#[tokio::test]
async fn tonic_is_matched_by_target() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let allowed = format!("127.0.0.1:{}", address.port());
    let layer = layer(&traces, &[&allowed]);

    tonic(layer.clone().with_target(&allowed), address, &[]).await;
    assert_sent(&seen.take());
    for target in [&format!("dns:///{allowed}"), &format!("http://{address}")] {
        tonic(layer.clone().with_target(target), address, &[]).await;
        assert_sent(&seen.take());
    }
    tonic(layer.clone().with_target("elsewhere:50051"), address, &[]).await;
    assert_not_sent(&seen.take());
    // Without a target the host is unknown.
    tonic(layer, address, &[]).await;
    assert_not_sent(&seen.take());
}

#[tokio::test]
async fn tonic_is_not_matched_by_a_host_header() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let layer = layer(&traces, &["orders.internal"]);
    let layer = layer.with_target("elsewhere:50051");
    tonic(layer, address, &[("host", "orders.internal")]).await;
    assert_not_sent(&seen.take());
}

/// Also fields that the layer's propagator does not write.
#[tokio::test]
async fn copied_headers_of_all_formats_are_removed() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let layer = traces
        .client()
        .with_propagator(TraceContext::new())
        .with_outbound_hosts(HostList::default());
    hyper(layer, &format!("http://{address}/")).await;
    let headers = seen.take();
    assert_not_sent(&headers);
}

/// No pipeline is installed, so there is no name to send.
#[tokio::test]
async fn the_name_of_another_service_is_not_passed_on() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let url = format!("http://{address}/");
    let default = lianlu::propagation::default_propagator;
    for layer in [
        traces.client(),
        traces.client().kratos(),
        traces.client().with_outbound_hosts(hosts(&["*"])),
        traces.client().with_filter(|_| false),
        traces
            .client()
            .with_propagator(default().with_caller_name("")),
    ] {
        hyper(layer.clone(), &url).await;
        let from_hyper = seen.take();
        reqwest(layer.clone(), &url).await;
        let from_reqwest = seen.take();
        tonic(layer.with_target(address.to_string()), address, &[]).await;
        for headers in [from_hyper, from_reqwest, seen.take()] {
            assert_eq!(value(&headers, "x-md-service-name"), None, "{headers:?}");
            assert_eq!(value(&headers, "x-other").as_deref(), Some("stays"));
        }
    }
    let custom = traces.client().with_propagator(TraceContext::new());
    hyper(custom, &url).await;
    assert!(seen.take().contains_key("x-md-service-name"), "not its own");
}

#[tokio::test]
async fn the_list_applies_to_filtered_calls() {
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let url = format!("http://{address}/");
    hyper(layer(&traces, &[]).with_filter(|_| false), &url).await;
    assert_not_sent(&seen.take());
    reqwest(layer(&traces, &[]).with_filter(|_| false), &url).await;
    assert_not_sent(&seen.take());
    assert_eq!(traces.started(), 0);
}

/// A client that follows redirects itself repeats the headers of the first request.
#[tokio::test]
async fn the_list_applies_to_redirects_that_are_followed_outside_of_the_layer() {
    use tower_http::follow_redirect::FollowRedirectLayer;

    let traces = Traces::default();
    let seen = Seen::default();
    let there = seen.serve().await;
    let target = format!("http://localhost:{}/", there.port());
    let app = Router::new().route("/old", get(async move || Redirect::temporary(&target)));
    let here = net::serve(app).await;

    let url = format!("http://{here}/old");
    reqwest(layer(&traces, &["127.0.0.1"]), &url).await;
    assert!(seen.take().contains_key("traceparent"), "as documented");

    let client = tower::ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(layer(&traces, &["127.0.0.1"]))
        .service(net::plain(Version::HTTP_11));
    let mut request = net::request(Method::GET, here, "/old");
    request.headers_mut().extend(stale());
    let call = client.oneshot(request).with_context(context());
    soon(call).await.unwrap();
    assert_not_sent(&seen.take());
}
