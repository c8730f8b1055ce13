//! A server that strangers call takes nobody's trace for its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ::http::{Request, Version};
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample, SpanData};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::seen::{Seen, traceparent};
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_child, assert_root, named};

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID: &str = "00f067aa0ba902b7";

/// Makes a span of its own and answers with the tenant of the baggage.
async fn serve(traces: &Traces, layer: lianlu::ServerLayer) -> SocketAddr {
    let traces = traces.clone();
    let app = Router::new()
        .route(
            "/",
            get(async move || {
                traces.child("in process");
                Context::map_current(|context| {
                    let tenant = context.baggage().get("tenant");
                    tenant.map(ToString::to_string).unwrap_or_default()
                })
            }),
        )
        .layer(layer);
    net::serve(app).await
}

async fn call(address: SocketAddr, headers: &[(&str, &str)]) -> String {
    let mut request = Request::get(format!("http://{address}/"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = soon(net::plain(Version::HTTP_11).request(request)).await;
    net::read(response.unwrap()).await.unwrap()
}

/// A new root with a link to the caller's span.
fn assert_apart(span: &SpanData) {
    assert_root(span);
    assert_ne!(span.span_context.trace_id().to_string(), TRACE_ID);
    assert_ne!(span.span_context.trace_id(), TraceId::INVALID);
    let [link] = &span.links.links[..] else {
        panic!("{span:#?}")
    };
    assert_eq!(link.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(link.span_context.span_id().to_string(), PARENT_ID);
    assert!(link.span_context.is_remote());
}

/// A caller can neither switch sampling on nor off.
#[tokio::test]
async fn a_new_trace_with_a_link() {
    for caller in [SAMPLED, UNSAMPLED] {
        let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
        let address = serve(&traces, traces.server().with_public_endpoint()).await;
        let headers = [
            ("traceparent", caller),
            ("tracestate", "a=1"),
            ("baggage", "tenant=acme"),
        ];
        assert_eq!(call(address, &headers).await, "acme");
        let spans = traces.all(2).await;
        let server = traces::server(&spans);
        assert_apart(&server);
        assert_eq!(server.span_context.trace_state().header(), "");
        assert_child(&named(&spans, "in process"), &server);
    }
    let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let address = serve(&traces, traces.server().with_public_endpoint()).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn without_a_caller_there_is_no_link() {
    for headers in [&[][..], &[("traceparent", "nonsense")]] {
        let traces = Traces::default();
        let address = serve(&traces, traces.server().with_public_endpoint()).await;
        call(address, headers).await;
        let server = traces::server(&traces.all(2).await);
        assert_root(&server);
        assert!(server.links.links.is_empty());
    }
}

#[tokio::test]
async fn only_who_is_not_one_of_ours() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .with_public_endpoint_for(|head| !head.headers().contains_key("x-ours"));
    let address = serve(&traces, layer).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    assert_apart(&traces::server(&traces.all(2).await));
    call(address, &[("traceparent", SAMPLED), ("x-ours", "1")]).await;
    let ours = traces.all(4).await.remove(3);
    assert_eq!(ours.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(ours.parent_span_id.to_string(), PARENT_ID);
    assert!(ours.links.links.is_empty());
}

#[tokio::test]
async fn grpc() {
    let traces = Traces::default();
    let layer = traces.server().with_public_endpoint();
    let address = echo::serve(layer, Echo::new(&traces)).await;
    let client = traces.client();
    let mut client = echo::connect(client, address).await;
    client.unary(message("child", 0)).await.unwrap();
    let spans = traces.all(4).await;
    let (client, server) = (traces::client(&spans), traces::server(&spans));
    assert_root(&server);
    assert_ne!(
        server.span_context.trace_id(),
        client.span_context.trace_id()
    );
    let [link] = &server.links.links[..] else {
        panic!("{server:#?}")
    };
    assert_eq!(link.span_context.span_id(), client.span_context.span_id());
    assert_child(&named(&spans, "after await"), &server);
}

/// What is kept from the sampler is kept apart from the stranger's trace all the same.
#[tokio::test]
async fn what_is_not_sampled_is_kept_apart_too() {
    let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    let seen = Seen::default();
    let next = seen.serve().await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let layer = traces
        .server()
        .with_public_endpoint()
        .with_sampling_filter(|_| false);
    let app = Router::new()
        .route(
            "/",
            get(async move || {
                let response = net::get(&client, next, "/").await.unwrap();
                net::read(response).await.unwrap()
            }),
        )
        .layer(layer);
    let address = net::serve(app).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    let [trace, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_ne!(trace, TRACE_ID);
    assert_eq!(flags, "00");
    assert_eq!(traces.started(), 0);
}

/// Whether there was a parent, how many links, and the tenant.
type Asked = (bool, usize, Option<String>);

/// Keeps what it was asked.
#[derive(Debug, Clone, Default)]
struct Nosy(Arc<Mutex<Vec<Asked>>>);

impl ShouldSample for Nosy {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let has_parent = parent.is_some_and(|parent| parent.span().span_context().is_valid());
        let tenant = parent.and_then(|parent| Some(parent.baggage().get("tenant")?.to_string()));
        let asked = (has_parent, links.len(), tenant);
        self.0.lock().unwrap().push(asked);
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

#[tokio::test]
async fn the_sampler_sees_a_link_and_no_parent() {
    let nosy = Nosy::default();
    let layer = Traces::with_sampler(nosy.clone()).server();
    let unused = Traces::default();
    let public = serve(&unused, layer.clone().with_public_endpoint()).await;
    let private = serve(&unused, layer).await;
    let headers = [("traceparent", SAMPLED), ("baggage", "tenant=acme")];
    call(public, &headers).await;
    call(private, &headers).await;
    let tenant = || Some("acme".to_owned());
    assert_eq!(
        *nosy.0.lock().unwrap(),
        [(false, 1, tenant()), (true, 0, tenant())]
    );
}
