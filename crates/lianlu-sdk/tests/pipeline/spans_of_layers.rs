//! The direct interface of layers, in cases that layers rarely cause.

use lianlu_sdk::direct::{Begun, Ending, LayerSpan, Open, put_attribute};
use lianlu_sdk::{KeepIf, Tracer, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceState, TracerProvider as _};
use opentelemetry_sdk::trace::Sampler;

use crate::common::PATIENCE;
use crate::common::decoded::Collected;

fn begin(tracer: &Tracer) -> (SpanContext, LayerSpan, Open) {
    let id = tracer.new_trace_id();
    let decision = tracer.decide(None, id).unwrap();
    let state = TraceState::NONE;
    let begun = tracer.begin(decision, id, None, state, &SpanKind::Server, 1);
    let Begun::Recording(context, start) = begun else {
        panic!("{begun:?}");
    };
    let (span, open) = tracer.open(context.clone(), start, &mut None);
    (context, span, open)
}

#[test]
fn a_span_ends_once() {
    let collected = Collected::default();
    let provider = TracerProvider::builder()
        .with_exporter(collected.clone())
        .with_sampler(Sampler::AlwaysOn)
        .build()
        .unwrap();
    let tracer = provider.tracer("test");
    let ending = Ending {
        name: "call".into(),
        ..Ending::default()
    };
    let (context, span, open) = begin(&tracer);
    let _ = open.end(&context, &ending, 5);
    drop(span);
    let (context, span, open) = begin(&tracer);
    drop(span);
    let _ = open.end(&context, &ending, 5);
    // The layer drops both without ending the span.
    let (_, span, open) = begin(&tracer);
    drop(open);
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let counts = provider.handle().counts();
    assert_eq!((counts.started, counts.exported, counts.open), (3, 3, 0));
    let names: Vec<_> = collected.all().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["call", "", ""]);
}

#[test]
fn the_reason_for_keeping_a_span_is_unique() {
    let collected = Collected::default();
    let provider = TracerProvider::builder()
        .with_exporter(collected.clone())
        .with_sampler(Sampler::AlwaysOff)
        .with_keep_if(KeepIf::error())
        .build()
        .unwrap();
    let (context, span, open) = begin(&provider.tracer("test"));
    let mut ending = Ending {
        count: 3,
        has_users: true,
        status: Status::error("no"),
        ..Ending::default()
    };
    for key in ["lianlu.kept", "a"] {
        put_attribute(&mut ending.attributes, &KeyValue::new(key, "mine"));
    }
    ending.start_bytes = ending.attributes.len();
    put_attribute(&mut ending.attributes, &KeyValue::new("b", "mine"));
    let _ = open.end(&context, &ending, 5);
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let expected = [("a", "mine"), ("b", "mine"), ("lianlu.kept", "error")];
    let expected = expected.map(|(key, value)| KeyValue::new(key, value));
    assert_eq!(collected.all()[0].attributes, expected);
}
