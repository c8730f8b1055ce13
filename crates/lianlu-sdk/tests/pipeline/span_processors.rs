//! Span processors of users.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::sampling::Sampler;
use lianlu_sdk::{BaggageAttributes, EndedSpan, SpanProcessor, StartedSpan, TracerProvider};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{
    Event, Span, SpanContext, Status, TraceContextExt, TraceFlags, TraceState, Tracer,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};

use crate::common::PATIENCE;
use crate::common::decoded::Collected;

/// Notes its calls, and changes what it can.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

impl Noting {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn keys(span: &lianlu_wire::otlp::Span<'_>) -> Vec<String> {
    let attributes = span.attributes().map(|it| it.unwrap().key.to_owned());
    attributes.collect()
}

impl SpanProcessor for Noting {
    fn on_start(&self, span: &mut StartedSpan<'_>, parent: &Context) {
        let of_parent = parent.span().span_context().span_id();
        let keys = span.read(keys).unwrap();
        self.note(format!("start {} {of_parent} {keys:?}", span.name()));
        assert!(span.span_context().is_valid());
        span.set_attribute(KeyValue::new("processor", true));
        span.set_name(format!("{}!", span.name()));
        span.add_event(Event::with_name("started"));
        span.set_status(Status::error("not yet"));
    }

    fn on_end(&self, span: &EndedSpan<'_>) {
        let (view, scope) = (span.span(), span.scope().name);
        let events = view.events().count();
        let (keys, sampled) = (keys(view), span.span_context().is_sampled());
        assert!(view.end_unix_nanos >= view.start_unix_nanos && view.start_unix_nanos > 0);
        assert_eq!(view.span_id, span.span_context().span_id().to_bytes());
        let status = view.status.message;
        self.note(format!(
            "end {} {scope} {keys:?} {events} {status:?} {sampled}",
            view.name
        ));
    }

    fn flush(&self, _: Duration) {
        self.note("flush".to_owned());
    }

    fn shutdown(&self, _: Duration) {
        self.note("shutdown".to_owned());
    }
}

#[test]
fn processors_see_and_change_spans_in_their_order() {
    let (noting, kept) = (Arc::new(Noting::default()), Collected::default());
    let provider = TracerProvider::builder()
        .with_exporter(kept.clone())
        .with_span_processor(BaggageAttributes::of(["tenant"]))
        .with_span_processor(Arc::clone(&noting))
        .build()
        .unwrap();
    let caller = |flags| {
        let state = TraceState::NONE;
        let span = SpanContext::new(7.into(), 8.into(), TraceFlags::new(flags), true, state);
        Context::new().with_remote_span_context(span)
    };
    let baggage = [
        KeyValue::new("tenant", "acme"),
        KeyValue::new("secret", "x"),
    ];
    let sampled = caller(1).with_baggage(baggage);
    let tracer = provider.tracer("shop");
    let mut span = tracer.start_with_context("a", &sampled);
    span.set_attribute(KeyValue::new("user", 1));
    span.end();
    drop(tracer.start_with_context("not sampled", &caller(0)));
    let start = "start a 0000000000000008 [\"tenant\"]";
    let end = "end a! shop [\"tenant\", \"processor\", \"user\"] 1 \"not yet\" true";
    assert_eq!(noting.take(), [start, end]);
    provider.flush(PATIENCE).unwrap();
    let exported = &kept.all()[0];
    assert_eq!(exported.name, "a!");
    let attributes: Vec<_> = exported
        .attributes
        .iter()
        .map(|it| it.key.as_str())
        .collect();
    assert_eq!(attributes, ["tenant", "processor", "user"]);
    for _ in 0..2 {
        let _ = provider.shutdown(PATIENCE);
    }
    drop((tracer, provider));
    assert_eq!(noting.take(), ["flush", "shutdown"]);
}

#[test]
fn processors_see_spans_that_are_recorded_only() {
    let noting = Arc::new(Noting::default());
    let kept = Collected::default();
    let provider = TracerProvider::builder()
        .with_exporter(kept.clone())
        .with_sampler(Sampler::AlwaysOff.always_record())
        .with_span_processor(Arc::clone(&noting))
        .build()
        .unwrap();
    provider
        .tracer("shop")
        .start_with_context("a", &Context::new())
        .end();
    provider.flush(PATIENCE).unwrap();
    let lines = noting.take();
    assert_eq!(lines[1], "end a! shop [\"processor\"] 1 \"not yet\" false");
    assert!(kept.all().is_empty());
}

#[derive(Debug)]
struct Panicking;

impl SpanProcessor for Panicking {
    fn on_start(&self, _: &mut StartedSpan<'_>, _: &Context) {
        panic!("on purpose");
    }

    fn on_end(&self, _: &EndedSpan<'_>) {
        panic!("on purpose");
    }
}

#[test]
fn a_processor_that_panics_breaks_nothing() {
    let (noting, kept) = (Arc::new(Noting::default()), Collected::default());
    let provider = TracerProvider::builder()
        .with_exporter(kept.clone())
        .with_span_processor(Panicking)
        .with_span_processor(Arc::clone(&noting))
        .build()
        .unwrap();
    provider
        .tracer("shop")
        .start_with_context("a", &Context::new())
        .end();
    provider.flush(PATIENCE).unwrap();
    assert_eq!(noting.take().len(), 3);
    assert_eq!(kept.all().len(), 1);
}

/// Takes all the time that it is given.
#[derive(Debug, Default)]
struct Slow(Mutex<Vec<Duration>>);

impl SpanProcessor for Slow {
    fn flush(&self, timeout: Duration) {
        std::thread::sleep(timeout);
        self.0.lock().unwrap().push(timeout);
    }

    fn shutdown(&self, timeout: Duration) {
        self.flush(timeout);
    }
}

#[test]
fn processors_share_the_timeout() {
    let slow = Arc::new(Slow::default());
    let provider = TracerProvider::builder()
        .with_span_processor(Arc::clone(&slow))
        .with_span_processor(Arc::clone(&slow))
        .build()
        .unwrap();
    let timeout = Duration::from_millis(10);
    provider.flush(timeout).unwrap();
    provider.shutdown(timeout).unwrap();
    let given = slow.0.lock().unwrap();
    let [first, Duration::ZERO, second, Duration::ZERO] = given[..] else {
        panic!("{given:?}")
    };
    assert!(first <= timeout && second <= timeout);
}
