//! A pipeline asks a collector which traces to sample, and follows the answer.

use std::sync::mpsc::channel;
use std::time::Duration;

use lianlu::sampling::JaegerRemote;
use lianlu::{PipelineEvent, Resource, Sampler};
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
fn the_strategy_reaches_the_provider() {
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
fn a_collector_that_is_not_there_is_said_once_and_stops_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (heard, notices) = channel();
    let guard = lianlu::console::pipeline()
        .with_loss_listener(move |notice| {
            let _ = heard.send(notice.clone());
        })
        .with_remote_sampler(
            JaegerRemote::new(format!("http://{nobody}")).with_initial_sampler(Sampler::AlwaysOn),
        )
        .build()
        .unwrap();
    let notice = notices.recv_timeout(Duration::from_secs(30)).unwrap();
    let PipelineEvent::SamplingFailing { reason } = notice else {
        panic!("{notice}");
    };
    assert!(
        reason.starts_with(&format!("http://{nobody}/sampling: ")),
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
