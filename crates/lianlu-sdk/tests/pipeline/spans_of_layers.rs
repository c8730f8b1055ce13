//! Spans that layers describe in bytes, in cases that layers seldom make.

use lianlu_sdk::described::{OpenSpan, ParentSpan, SpanStart, SpareRecord};
use lianlu_sdk::sampling::Sampler;
use lianlu_sdk::{KeepIf, Span, Tracer, TracerProvider};
use lianlu_wire::otlp::EncodedAttributes;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};

use crate::common::PATIENCE;
use crate::common::decoded::Collected;

fn begin(tracer: &Tracer, spare: &mut Option<SpareRecord>) -> (SpanContext, Span, OpenSpan) {
    let planned = tracer.plan(None).unwrap();
    assert!(planned.records() && !planned.has_parent());
    let mut attributes = Box::new(EncodedAttributes::new(tracer.attribute_limits()));
    attributes.put_str("start", "layer");
    attributes.put_str("both", "layer");
    let start = SpanStart {
        name: "call".into(),
        kind: SpanKind::Server,
        at: 1,
    };
    let state = TraceState::NONE;
    let (span, open) = tracer.open_described(&planned, state, start, &mut attributes, None, spare);
    assert!(attributes.is_empty());
    (span.span_context().clone(), span, open)
}

fn provider(kept: &Collected, sampler: Sampler, keep: KeepIf) -> TracerProvider {
    TracerProvider::builder()
        .with_exporter(kept.clone())
        .with_sampler(sampler)
        .with_keep_if(keep)
        .build()
        .unwrap()
}

fn texts(kept: &Collected, at: usize) -> Vec<(String, String)> {
    let attributes = &kept.all()[at].attributes;
    let pair = |it: &KeyValue| (it.key.to_string(), it.value.to_string());
    attributes.iter().map(pair).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    list.iter().map(pair).collect()
}

#[test]
fn a_span_ends_once() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOn, KeepIf::default());
    let tracer = provider.tracer("test");
    let (context, span, open) = begin(&tracer, &mut None);
    let _ = open.end(&context, 5, Status::Unset, |_| {});
    drop(span);
    let (context, span, open) = begin(&tracer, &mut None);
    drop(span);
    let _ = open.end(&context, 5, Status::Unset, |_| {});
    // Both halves are dropped, without an end.
    let (_, span, open) = begin(&tracer, &mut None);
    drop(open);
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let counts = provider.handle().counts();
    assert_eq!((counts.started, counts.exported, counts.open), (3, 3, 0));
    assert!(kept.all().iter().all(|span| span.name == "call"));
}

#[test]
fn the_last_value_of_a_key_counts_whoever_sets_it() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOn, KeepIf::default());
    let (context, mut span, open) = begin(&provider.tracer("test"), &mut None);
    span.set_attribute(KeyValue::new("both", "user"));
    span.set_attribute(KeyValue::new("end", "user"));
    let _ = open.end(&context, 5, Status::Unset, |attributes| {
        attributes.put_str("end", "layer");
    });
    // Too late.
    span.set_attribute(KeyValue::new("end", "late"));
    assert!(!span.is_recording());
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let expected = [("start", "layer"), ("both", "user"), ("end", "layer")];
    assert_eq!(texts(&kept, 0), pairs(&expected));
}

#[test]
fn user_code_that_ends_a_span_has_the_last_word() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOn, KeepIf::default());
    let (context, mut span, open) = begin(&provider.tracer("test"), &mut None);
    span.set_attribute(KeyValue::new("end", "user"));
    span.end();
    span.set_attribute(KeyValue::new("end", "late"));
    assert!(open.write(|attributes| attributes.is_none()));
    open.rename("late".into());
    let _ = open.end(&context, 5, Status::error("late"), |attributes| {
        attributes.put_str("end", "layer");
    });
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let expected = [("start", "layer"), ("both", "layer"), ("end", "user")];
    assert_eq!(texts(&kept, 0), pairs(&expected));
    let span = &kept.all()[0];
    assert_eq!((&*span.name, &span.status), ("call", &Status::Unset));
}

#[test]
fn a_record_is_used_again_only_when_its_span_is_gone() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOn, KeepIf::default());
    let tracer = provider.tracer("test");
    let (context, mut first, open) = begin(&tracer, &mut None);
    let mut spare = Some(open.end(&context, 5, Status::Unset, |_| {}));
    let (context, second, open) = begin(&tracer, &mut spare);
    // The first call's context was kept. It has nothing to do with the second span.
    first.set_attribute(KeyValue::new("late", "user"));
    drop(first);
    let mut spare = Some(open.end(&context, 5, Status::Unset, |_| {}));
    drop(second);
    let other = provider.tracer("other");
    let (context, third, open) = begin(&other, &mut spare);
    let _ = open.end(&context, 5, Status::Unset, |_| {});
    drop(third);
    provider.flush(PATIENCE).unwrap();
    for at in 0..3 {
        assert_eq!(
            texts(&kept, at),
            pairs(&[("start", "layer"), ("both", "layer")])
        );
    }
    let scopes: Vec<_> = kept
        .all()
        .iter()
        .map(|it| it.instrumentation_scope.name().to_owned())
        .collect();
    assert_eq!(scopes, ["test", "test", "other"]);
}

#[test]
fn why_a_span_is_kept_is_set_by_the_pipeline_alone() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOff, KeepIf::error());
    let (context, mut span, open) = begin(&provider.tracer("test"), &mut None);
    span.set_attribute(KeyValue::new("lianlu.kept", "mine"));
    let _ = open.end(&context, 5, Status::error("no"), |_| {});
    drop(span);
    provider.flush(PATIENCE).unwrap();
    let expected = [
        ("start", "layer"),
        ("both", "layer"),
        ("lianlu.kept", "error"),
    ];
    assert_eq!(texts(&kept, 0), pairs(&expected));
}

/// By the API and by a layer: the parent's threshold goes on only if its decision does.
#[test]
fn thresholds_of_the_parent_are_kept_if_they_are_right() {
    let (kept, removed) = ("ot=th:8;rv:ffffffffffffff", "ot=rv:ffffffffffffff");
    for (sampler, expected) in [
        (Sampler::AlwaysOn, removed),
        (Sampler::AlwaysOff, removed),
        (Sampler::AlwaysOn.parent_based(), kept),
    ] {
        let provider = provider(&Collected::default(), sampler, KeepIf::default());
        let tracer = provider.tracer("test");
        let (flags, id) = (TraceFlags::SAMPLED, TraceId::from(7));
        let parent = SpanContext::new(id, SpanId::from(8), flags, true, kept.parse().unwrap());
        let of_layer = ParentSpan {
            trace_id: id,
            span_id: parent.span_id(),
            flags,
            is_remote: true,
        };
        let planned = tracer.plan(Some(of_layer)).unwrap();
        let of_layer = tracer.context(&planned, parent.trace_state().clone());
        assert_eq!(of_layer.trace_state().header(), expected);
        let parent = Context::new().with_remote_span_context(parent);
        let span = tracer.start_with_context("span", &parent);
        assert_eq!(span.span_context().trace_state().header(), expected);
    }
}

#[test]
fn kept_spans_have_no_threshold() {
    let kept = Collected::default();
    let provider = provider(&kept, Sampler::AlwaysOff.parent_based(), KeepIf::error());
    let state = "a=b,ot=th:8".parse().unwrap();
    let parent = SpanContext::new(7.into(), 8.into(), TraceFlags::default(), true, state);
    let parent = Context::new().with_remote_span_context(parent);
    let mut span = provider.tracer("test").start_with_context("span", &parent);
    span.set_status(Status::error("no"));
    span.end();
    provider.flush(PATIENCE).unwrap();
    assert_eq!(kept.all()[0].span_context.trace_state().header(), "a=b");
}
