//! `with_global_propagator` asks for OpenTelemetry's global propagator at each call.
//!
//! The one test of its process: the propagator is the process's.

use ::http::{Method, Version};
use http::{HeaderValue, Request, Response};
use lianlu::HostList;
use lianlu::propagation::{Baggage, TraceContext};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::FutureExt;
use opentelemetry::{Context, KeyValue, global};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::http as net;
use crate::common::seen::{Seen, traceparent};
use crate::common::soon;
use crate::common::traces::{self, Traces};
use crate::is_alone;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const NAMES: [&str; 3] = ["baggage", "traceparent", "x-md-service-name"];

/// Which of the three arrive.
async fn sent(
    layer: &lianlu::ClientLayer,
    seen: &Seen,
    address: std::net::SocketAddr,
) -> Vec<&'static str> {
    let context = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let client = net::connect(layer.clone(), Version::HTTP_11);
    let request = net::request(Method::GET, address, "/");
    let call = client.oneshot(request).with_context(context);
    soon(call).await.unwrap();
    let headers = seen.take();
    NAMES
        .into_iter()
        .filter(|name| headers.contains_key(*name))
        .collect()
}

/// Whether a server goes on with the caller's trace.
async fn goes_on(traces: &Traces, layer: &lianlu::ServerLayer) -> bool {
    let before = traces.finished().len();
    let service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    }));
    let request = Request::get("/").header("traceparent", TRACEPARENT);
    service.oneshot(request.body(()).unwrap()).await.unwrap();
    let spans = traces.all(before + 1).await;
    traces::server(&spans[before..]).parent_span_is_remote
}

#[tokio::test]
async fn it_follows() {
    if !is_alone("global_propagator::it_follows") {
        return;
    }
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let client = traces.client().with_service_name("shop");
    let client = client.with_global_propagator();
    let server = traces.server().with_global_propagator();
    // Made before there is a propagator.
    let held = client.clone().with_outbound_hosts(HostList::default());
    assert!(sent(&client, &seen, address).await.is_empty());
    assert!(!goes_on(&traces, &server).await);

    global::set_text_map_propagator(TraceContext::new());
    assert_eq!(sent(&client, &seen, address).await, ["traceparent"]);
    assert!(goes_on(&traces, &server).await);

    global::set_text_map_propagator(Baggage::new());
    assert_eq!(sent(&client, &seen, address).await, ["baggage"]);
    assert!(!goes_on(&traces, &server).await);

    // What must not leave is what the propagator of today writes.
    global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContext::new()),
        Box::new(Baggage::new()),
    ]));
    assert!(sent(&held, &seen, address).await.is_empty());
    let mut request = net::request(Method::GET, address, "/");
    for name in NAMES {
        let stale = HeaderValue::from_static(TRACEPARENT);
        request.headers_mut().insert(name, stale);
    }
    let call = net::connect(held, Version::HTTP_11).oneshot(request);
    soon(call).await.unwrap();
    let headers = seen.take();
    assert!(!headers.contains_key("traceparent") && !headers.contains_key("baggage"));

    // A layer of its own propagator never asks.
    let own = client.with_propagator(TraceContext::new());
    global::set_text_map_propagator(Baggage::new());
    assert_eq!(sent(&own, &seen, address).await, ["traceparent"]);
    let own = own.with_outbound_hosts(HostList::default());
    let mut request = net::request(Method::GET, address, "/");
    let stale = HeaderValue::from_static(TRACEPARENT);
    request.headers_mut().insert("traceparent", stale);
    let call = net::connect(own, Version::HTTP_11).oneshot(request);
    soon(call).await.unwrap();
    assert_eq!(
        seen.header("traceparent").map(|text| traceparent(&text)),
        None
    );
}
