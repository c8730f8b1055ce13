//! A public endpoint starts new traces, with a link to the caller's span.

use std::net::SocketAddr;

use ::http::Version;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{TraceContextExt, TraceId};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SpanData};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::provider::ProviderKind;
use crate::common::sampler::{Question, RecordingSampler};
use crate::common::seen::{Seen, traceparent};
use crate::common::traces::{self, Traces, assert_child, assert_root, named};
use crate::common::{PARENT_ID, TRACE_ID, TRACEPARENT as SAMPLED, UNSAMPLED};

/// Makes a span of its own, and answers with the baggage's tenant.
async fn serve(traces: &Traces, layer: lianlu::ServerLayer) -> SocketAddr {
    let traces = traces.clone();
    net::serve_root(layer, async move || {
        traces.child("in process");
        Context::map_current(|context| {
            let tenant = context.baggage().get("tenant");
            tenant.map(ToString::to_string).unwrap_or_default()
        })
    })
    .await
}

async fn call(address: SocketAddr, headers: &[(&str, &str)]) -> String {
    let request = net::request_with(address, "/", headers);
    net::read(net::send(Version::HTTP_11, request).await)
        .await
        .unwrap()
}

/// Asserts a new root with a link to the caller's span.
fn assert_new_trace(span: &SpanData) {
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

/// A caller can switch sampling neither on nor off.
#[tokio::test]
async fn a_call_is_a_new_trace_with_a_link_to_the_caller() {
    for caller in [SAMPLED, UNSAMPLED] {
        let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
        let address = serve(&traces, traces.server().with_public_endpoint(|_| true)).await;
        let headers = [
            ("traceparent", caller),
            ("tracestate", "a=1"),
            ("baggage", "tenant=acme"),
        ];
        assert_eq!(call(address, &headers).await, "acme");
        let spans = traces.all(2).await;
        let server = traces::server(&spans);
        assert_new_trace(&server);
        assert_eq!(server.span_context.trace_state().header(), "");
        assert_child(&named(&spans, "in process"), &server);
    }
    let traces = Traces::with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let address = serve(&traces, traces.server().with_public_endpoint(|_| true)).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn a_call_without_a_trace_has_no_link() {
    for headers in [&[][..], &[("traceparent", "nonsense")]] {
        let traces = Traces::default();
        let address = serve(&traces, traces.server().with_public_endpoint(|_| true)).await;
        call(address, headers).await;
        let server = traces::server(&traces.all(2).await);
        assert_root(&server);
        assert!(server.links.links.is_empty());
    }
}

#[tokio::test]
async fn with_public_endpoint_for_decides_by_request() {
    let traces = Traces::default();
    let layer = traces
        .server()
        .with_public_endpoint(|head| !head.headers().contains_key("x-ours"));
    let address = serve(&traces, layer).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    assert_new_trace(&traces::server(&traces.all(2).await));
    call(address, &[("traceparent", SAMPLED), ("x-ours", "1")]).await;
    let ours = traces.all(4).await.remove(3);
    assert_eq!(ours.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(ours.parent_span_id.to_string(), PARENT_ID);
    assert!(ours.links.links.is_empty());
}

#[tokio::test]
async fn a_grpc_call_is_a_new_trace_with_a_link() {
    let traces = Traces::default();
    let layer = traces.server().with_public_endpoint(|_| true);
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

#[tokio::test]
async fn an_unsampled_call_is_a_new_trace() {
    let traces = Traces::with_sampler(Sampler::AlwaysOff);
    let seen = Seen::default();
    let next = seen.serve().await;
    let client = net::connect(traces.client(), Version::HTTP_11);
    let layer = traces.server().with_public_endpoint(|_| true);
    let address = net::serve_root(layer, async move || net::fetch(&client, next, "/").await).await;
    call(address, &[("traceparent", SAMPLED)]).await;
    let [trace, _, flags] = traceparent(&seen.header("traceparent").unwrap());
    assert_ne!(trace, TRACE_ID);
    assert_eq!(flags, ProviderKind::from_env().unsampled_flags());
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn the_sampler_gets_a_link_and_no_parent() {
    let sampler = RecordingSampler::new(SamplingDecision::Drop);
    let layer = Traces::with_sampler(lianlu::Sampler::custom(sampler.clone())).server();
    let unused = Traces::default();
    let public = serve(&unused, layer.clone().with_public_endpoint(|_| true)).await;
    let private = serve(&unused, layer).await;
    let headers = [("traceparent", SAMPLED), ("baggage", "tenant=acme")];
    call(public, &headers).await;
    call(private, &headers).await;
    let summary = |question: Question| {
        let context = question.parent.unwrap();
        let has_parent = context.span().span_context().is_valid();
        let tenant = context.baggage().get("tenant").unwrap().to_string();
        (has_parent, question.links, tenant)
    };
    let questions: Vec<_> = sampler.take().into_iter().map(summary).collect();
    let tenant = || "acme".to_owned();
    assert_eq!(questions, [(false, 1, tenant()), (true, 0, tenant())]);
}
