//! `GlobalPropagator` uses OpenTelemetry's global propagator of the moment, at each call.

use ::http::{Method, Version};
use http::{HeaderValue, Request};
use lianlu::net::HostList;
use lianlu::propagation::{Baggage, TraceContext};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::FutureExt;
use opentelemetry::{Context, KeyValue, global};
use tower::{Layer, ServiceExt, service_fn};

use crate::common::TRACEPARENT;
use crate::common::http as net;
use crate::common::seen::{Seen, traceparent};
use crate::common::soon;
use crate::common::traces::{self, Traces};
use crate::own_process::is_alone;

const NAMES: [&str; 3] = ["baggage", "traceparent", "x-md-service-name"];

/// The headers among `NAMES` that arrive.
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

/// True if a server continues the caller's trace.
async fn is_continued(traces: &Traces, layer: &lianlu::ServerLayer) -> bool {
    let before = traces.finished().len();
    let service = layer.layer(service_fn(net::answer));
    let request = Request::get("/").header("traceparent", TRACEPARENT);
    service.oneshot(request.body(()).unwrap()).await.unwrap();
    let spans = traces.all(before + 1).await;
    traces::server(&spans[before..]).parent_span_is_remote
}

#[tokio::test]
async fn each_call_uses_the_propagator_of_the_moment() {
    if !is_alone(&this_test!()) {
        return;
    }
    let traces = Traces::default();
    let seen = Seen::default();
    let address = seen.serve().await;
    let client = traces
        .client()
        .with_propagator(lianlu::propagation::default_propagator().with_caller_name("shop"));
    let client = client.with_propagator(lianlu::propagation::GlobalPropagator::new());
    let server = traces
        .server()
        .with_propagator(lianlu::propagation::GlobalPropagator::new());
    // Made before a propagator is set.
    let held = client.clone().with_outbound_hosts(HostList::default());
    assert!(sent(&client, &seen, address).await.is_empty());
    assert!(!is_continued(&traces, &server).await);

    global::set_text_map_propagator(TraceContext::new());
    assert_eq!(sent(&client, &seen, address).await, ["traceparent"]);
    assert!(is_continued(&traces, &server).await);

    global::set_text_map_propagator(Baggage::new());
    assert_eq!(sent(&client, &seen, address).await, ["baggage"]);
    assert!(!is_continued(&traces, &server).await);

    // With a host list, the fields of the propagator of the moment are removed.
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

    // A layer with its own propagator ignores the global one.
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
