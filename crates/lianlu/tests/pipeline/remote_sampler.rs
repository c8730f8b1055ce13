//! A pipeline polls a collector for its sampling strategy.

use std::sync::mpsc::channel;
use std::time::Duration;

use lianlu::sampling::JaegerRemote;
use lianlu::{Resource, Sampler, pipeline::PipelineEvent};
use opentelemetry::Context;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};

use crate::from_env::Collector;

fn resource() -> Resource {
    Resource::builder_empty().with_service_name("shop").build()
}

#[test]
fn the_provider_follows_the_strategy() {
    let jaeger = Collector::answering(r#"{"probabilisticSampling":{"samplingRate":0}}"#);
    let guard = lianlu::console::pipeline()
        .with_resource(resource())
        .with_remote_sampler(
            JaegerRemote::new(&jaeger.url)
                .with_poll_interval(Duration::from_millis(10))
                .with_initial_sampler(Sampler::AlwaysOn),
        )
        .build()
        .unwrap();
    for _ in 0..2 {
        let head = jaeger.request().head;
        assert!(head.starts_with("GET /sampling?service=shop "), "{head}");
    }
    let tracer = guard.tracer_provider().tracer("test");
    assert!(!tracer.start("root").is_recording());
    let id = (TraceId::from(1), SpanId::from(1));
    let parent = SpanContext::new(id.0, id.1, TraceFlags::SAMPLED, true, TraceState::NONE);
    let cx = Context::new().with_remote_span_context(parent);
    assert!(tracer.start_with_context("child", &cx).is_recording());
}

#[test]
fn an_unreachable_collector_is_reported_and_the_initial_sampler_is_used() {
    let closed_port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (sender, events) = channel();
    let guard = lianlu::console::pipeline()
        .with_loss_listener(move |event| {
            let _ = sender.send(event.clone());
        })
        .with_remote_sampler(
            JaegerRemote::new(format!("http://{closed_port}"))
                .with_initial_sampler(Sampler::AlwaysOn),
        )
        .build()
        .unwrap();
    let event = events.recv_timeout(Duration::from_secs(30)).unwrap();
    let PipelineEvent::SamplingFailing { reason } = event else {
        panic!("{event}");
    };
    assert!(
        reason.starts_with(&format!("http://{closed_port}/sampling: ")),
        "{reason}"
    );
    let tracer = guard.tracer_provider().tracer("test");
    assert!(tracer.start("root").is_recording());
}

#[test]
fn a_bad_endpoint_is_refused() {
    let error = lianlu::console::pipeline()
        .with_remote_sampler(JaegerRemote::new("localhost:5778"))
        .build()
        .unwrap_err();
    assert!(
        error.to_string().starts_with("JaegerRemote::new: "),
        "{error}"
    );
}
