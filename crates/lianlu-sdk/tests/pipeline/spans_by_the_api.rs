//! Everything that the API can set on a span is in the exported bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_sdk::{Limits, TracerProvider, TracerProviderBuilder};
use opentelemetry::trace::{
    Event, Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt,
    TraceFlags, TraceId, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{
    IdGenerator, Sampler, SamplingDecision, SamplingResult, ShouldSample, SpanData, SpanLimits,
};

use crate::common::PATIENCE;
use crate::common::decoded::Collected;

/// A provider and its exported spans.
struct Traced {
    provider: TracerProvider,
    collected: Collected,
}

fn traced() -> Traced {
    traced_with(|builder| builder)
}

/// As [`traced`], with more settings.
fn traced_with(more: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder) -> Traced {
    let collected = Collected::default();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let builder = TracerProvider::builder()
        .with_exporter(collected.clone())
        .with_sampler(boxed(Sampler::AlwaysOn))
        .with_limits(limits);
    Traced {
        provider: more(builder).build().unwrap(),
        collected,
    }
}

fn boxed(sampler: impl ShouldSample + 'static) -> Box<dyn ShouldSample> {
    Box::new(sampler)
}

impl Traced {
    fn tracer(&self) -> lianlu_sdk::Tracer {
        self.provider.tracer("test")
    }

    fn all(&self) -> Vec<SpanData> {
        self.provider.flush(PATIENCE).unwrap();
        self.collected.all()
    }

    #[track_caller]
    fn only(&self) -> SpanData {
        let mut spans = self.all();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }
}

fn context(trace: u128, span: u64, flags: u8, is_remote: bool, state: &str) -> SpanContext {
    SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::new(flags),
        is_remote,
        state.parse::<TraceState>().unwrap(),
    )
}

fn at(seconds: u64) -> SystemTime {
    // With nanoseconds, which must not be rounded.
    UNIX_EPOCH + Duration::new(1_700_000_000 + seconds, 123_456_789)
}

fn pairs(attributes: &[KeyValue]) -> Vec<(&str, String)> {
    let pair = |it: &'_ KeyValue| it.value.to_string();
    let pairs = attributes.iter().map(|it| (it.key.as_str(), pair(it)));
    pairs.collect()
}

/// Values of every type, including extreme ones.
fn values() -> Vec<KeyValue> {
    let list = |list: Array| Value::Array(list);
    vec![
        KeyValue::new("text", "链路"),
        KeyValue::new("empty", ""),
        KeyValue::new("long", "x".repeat(5000)),
        KeyValue::new("true", true),
        KeyValue::new("false", false),
        KeyValue::new("zero", 0),
        KeyValue::new("least", i64::MIN),
        KeyValue::new("most", i64::MAX),
        KeyValue::new("half", 0.5),
        KeyValue::new("no double", 0.0),
        KeyValue::new("never", f64::INFINITY),
        KeyValue::new(
            "texts",
            list(Array::String(vec!["a".into(), "链".into(), "".into()])),
        ),
        KeyValue::new("bools", list(vec![true, false].into())),
        KeyValue::new("ints", list(vec![0_i64, -1, i64::MAX].into())),
        KeyValue::new("doubles", list(vec![0.0, -0.5].into())),
        KeyValue::new("nothing", list(Vec::<i64>::new().into())),
        KeyValue::new("", "no key"),
    ]
}

fn exported_values() -> Vec<KeyValue> {
    let mut sampler = values();
    for attribute in &mut sampler {
        // An encoded empty array has no element type.
        if attribute.key.as_str() == "nothing" {
            attribute.value = Value::Array(Array::String(Vec::new()));
        }
    }
    sampler
}

#[test]
fn everything_set_on_the_builder() {
    let traced = traced();
    let scope = InstrumentationScope::builder("shop")
        .with_version("1.2")
        .with_schema_url("https://example.com/1")
        .with_attributes([KeyValue::new("team", "orders"), KeyValue::new("size", 5)])
        .build();
    let tracer = traced.provider.tracer_with_scope(scope.clone());
    let parent = context(7, 8, 1, true, "a=1,b=2");
    let parent = Context::new().with_remote_span_context(parent);
    let event = Event::new("first", at(1), values(), 0);
    let link = Link::new(context(9, 10, 0, true, "c=3"), values(), 0);
    let mut span = tracer
        .span_builder("order")
        .with_kind(SpanKind::Consumer)
        .with_start_time(at(0))
        .with_attributes(values())
        .with_events(vec![event])
        .with_links(vec![link])
        .start_with_context(&tracer, &parent);
    let own = span.span_context().clone();
    assert!(span.is_recording() && !own.is_remote());
    span.end_with_timestamp(at(2));

    let span = traced.only();
    assert_eq!(span.span_context, own);
    assert_eq!(own.trace_id(), TraceId::from(7));
    assert_eq!(own.trace_state().header(), "a=1,b=2");
    assert_eq!(span.parent_span_id, SpanId::from(8));
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(span.name, "order");
    assert_eq!((span.start_time, span.end_time), (at(0), at(2)));
    assert_eq!(span.attributes, exported_values());
    assert_eq!(
        span.events.events,
        [Event::new("first", at(1), exported_values(), 0)]
    );
    let linked = Link::new(context(9, 10, 0, true, "c=3"), exported_values(), 0);
    assert_eq!(span.links.links, [linked]);
    assert_eq!(span.status, Status::Unset);
    assert_eq!(span.instrumentation_scope, scope);
    let scope = &span.instrumentation_scope;
    assert_eq!(scope.schema_url(), Some("https://example.com/1"));
    assert_eq!(scope.attributes().count(), 2);
}

#[test]
fn everything_set_while_it_is_open() {
    let traced = traced();
    let tracer = traced.tracer();
    let mut span = tracer.start("first name");
    span.set_attributes(values());
    span.add_event_with_timestamp("event", at(3), values());
    let before = opentelemetry::time::now();
    span.add_event("now", Vec::new());
    span.add_link(context(9, 10, 1, false, ""), values());
    span.record_error(&std::io::Error::other("no luck"));
    span.update_name(format!("name {}", 2));
    span.set_status(Status::error("链路"));
    span.end();

    let span = traced.only();
    assert_eq!(span.name, "name 2");
    assert_eq!(span.span_kind, SpanKind::Internal);
    assert_eq!(span.attributes, exported_values());
    assert_eq!(
        span.events[0],
        Event::new("event", at(3), exported_values(), 0)
    );
    assert!((before..=span.end_time).contains(&span.events[1].timestamp));
    assert_eq!(span.events[2].name, "exception");
    let linked = Link::new(context(9, 10, 1, false, ""), exported_values(), 0);
    assert_eq!(span.links.links, [linked]);
    assert_eq!(span.status, Status::error("链路"));
}

#[test]
fn changes_after_the_end_are_ignored() {
    let traced = traced();
    let mut span = traced.tracer().start("ended");
    let context = span.span_context().clone();
    span.end_with_timestamp(at(100_000_000));
    assert!(!span.is_recording());
    assert_eq!(*span.span_context(), context);
    span.set_attribute(KeyValue::new("late", true));
    span.add_event("late", Vec::new());
    span.add_link(context.clone(), Vec::new());
    span.set_status(Status::Ok);
    span.update_name("late");
    span.end_with_timestamp(at(200_000_000));
    drop(span);
    let span = traced.only();
    assert_eq!((&*span.name, span.end_time), ("ended", at(100_000_000)));
    assert!(span.attributes.is_empty() && span.events.is_empty() && span.links.is_empty());
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn dropping_a_span_ends_it() {
    let traced = traced();
    let before = opentelemetry::time::now();
    drop(traced.tracer().start("dropped"));
    let span = traced.only();
    assert!(before <= span.start_time && span.start_time <= span.end_time);
    // Also when the last context with the span is dropped, on any thread.
    let context = Context::new().with_span(traced.tracer().start("in a context"));
    let clone = context.clone();
    drop(context);
    assert_eq!(traced.all().len(), 1);
    std::thread::spawn(move || drop(clone)).join().unwrap();
    assert_eq!(traced.all().len(), 2);
}

#[test]
fn an_end_before_the_start_becomes_the_start() {
    let traced = traced();
    let tracer = traced.tracer();
    let builder = SpanBuilder::from_name("backwards").with_start_time(at(5));
    tracer.build(builder).end_with_timestamp(at(4));
    let before = UNIX_EPOCH - Duration::from_secs(1);
    let builder = SpanBuilder::from_name("long ago").with_start_time(before);
    tracer.build(builder).end_with_timestamp(before);
    let spans = traced.all();
    assert_eq!((spans[0].start_time, spans[0].end_time), (at(5), at(5)));
    assert_eq!(spans[1].start_time, UNIX_EPOCH);
    assert_eq!(spans[1].end_time, UNIX_EPOCH);
}

#[test]
fn parents() {
    let traced = traced();
    let tracer = traced.tracer();
    let root = Context::new().with_span(tracer.start_with_context("root", &Context::new()));
    tracer.start_with_context("child", &root).end();
    {
        let _current = root.clone().attach();
        tracer.start("of the current one").end();
        tracer.in_span("inner", |context| {
            assert!(context.span().is_recording());
            tracer.start("innermost").end();
        });
    }
    // A context whose span has no ids is not a parent.
    let invalid = Context::new().with_remote_span_context(SpanContext::NONE);
    tracer
        .start_with_context("of an invalid one", &invalid)
        .end();
    root.span().end();

    let spans = traced.all();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let root = named("root");
    assert_eq!(root.parent_span_id, SpanId::INVALID);
    assert!(!root.parent_span_is_remote);
    for (child, parent) in [
        ("child", "root"),
        ("of the current one", "root"),
        ("inner", "root"),
        ("innermost", "inner"),
    ] {
        let (child, parent) = (named(child), named(parent));
        assert_eq!(child.parent_span_id, parent.span_context.span_id());
        assert!(!child.parent_span_is_remote);
        let traces = (
            child.span_context.trace_id(),
            parent.span_context.trace_id(),
        );
        assert_eq!(traces.0, traces.1);
    }
    let other = named("of an invalid one");
    assert_eq!(other.parent_span_id, SpanId::INVALID);
    assert!(other.span_context.is_valid());
    assert_ne!(other.span_context.trace_id(), root.span_context.trace_id());
}

fn limits() -> SpanLimits {
    SpanLimits {
        max_attributes_per_span: 3,
        max_events_per_span: 2,
        max_links_per_span: 2,
        max_attributes_per_event: 1,
        max_attributes_per_link: 2,
    }
}

fn some(count: i64) -> Vec<KeyValue> {
    let name = |at| KeyValue::new(format!("key {at}"), at);
    (0..count).map(name).collect()
}

#[test]
fn items_beyond_the_limits_are_counted() {
    let traced = traced_with(|builder| builder.with_span_limits(limits()));
    let tracer = traced.tracer();
    let linked = || context(9, 10, 1, true, "");
    let events = |from: usize, to: usize| -> Vec<_> {
        (from..to)
            .map(|at| Event::new(format!("event {at}"), self::at(0), some(3), 0))
            .collect()
    };
    let links = || vec![Link::new(linked(), some(3), 0); 3];

    // All at the start, all later, and both.
    let mut all = tracer
        .span_builder("start")
        .with_attributes(some(5))
        .with_events(events(0, 4))
        .with_links(links())
        .start(&tracer);
    all.end();
    let mut later = tracer.start("later");
    let say = |span: &mut lianlu_sdk::Span, from: usize, to: usize| {
        for attribute in &some(to as i64)[from..] {
            span.set_attribute(attribute.clone());
        }
        for event in events(from, to) {
            span.add_event_with_timestamp(event.name, event.timestamp, event.attributes);
        }
        for link in links() {
            span.add_link(link.span_context, link.attributes);
        }
    };
    say(&mut later, 0, 4);
    later.end();
    let mut both = tracer
        .span_builder("both")
        .with_attributes(some(1))
        .with_events(events(0, 1))
        .start(&tracer);
    say(&mut both, 1, 5);
    both.end();

    let spans = traced.all();
    for (span, attributes, dropped_events, dropped_links) in [
        (&spans[0], 2, 2, 1),
        (&spans[1], 1, 2, 1),
        (&spans[2], 2, 3, 1),
    ] {
        let name = &span.name;
        let keys: Vec<_> = pairs(&span.attributes);
        let expected = [("key 0", "0"), ("key 1", "1"), ("key 2", "2")];
        let expected = expected.map(|(key, value)| (key, value.to_owned()));
        assert_eq!(keys, expected, "{name}");
        assert_eq!(span.dropped_attributes_count, attributes, "{name}");
        assert_eq!(span.events.dropped_count, dropped_events, "{name}");
        assert_eq!(span.links.dropped_count, dropped_links, "{name}");
        let names: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
        assert_eq!(names, ["event 0", "event 1"], "{name}");
        for event in span.events.iter() {
            assert_eq!(event.attributes, some(1), "{name}");
            assert_eq!(event.dropped_attributes_count, 2, "{name}");
        }
        assert_eq!(span.links.len(), 2, "{name}");
        for link in span.links.iter() {
            assert_eq!(link.attributes, some(2), "{name}");
            assert_eq!(link.dropped_attributes_count, 1, "{name}");
        }
    }
}

#[test]
fn limits_of_zero() {
    let none = SpanLimits {
        max_attributes_per_span: 0,
        max_events_per_span: 0,
        max_links_per_span: 0,
        max_attributes_per_event: 0,
        max_attributes_per_link: 0,
    };
    let traced = traced_with(|builder| builder.with_span_limits(none));
    let mut span = traced.tracer().start("span");
    span.set_attributes(some(2));
    span.add_event("event", some(1));
    span.add_link(context(9, 10, 1, true, ""), some(1));
    span.end();
    let span = traced.only();
    assert!(span.attributes.is_empty() && span.events.is_empty() && span.links.is_empty());
    let dropped = (
        span.dropped_attributes_count,
        span.events.dropped_count,
        span.links.dropped_count,
    );
    assert_eq!(dropped, (2, 1, 1));
}

#[test]
fn the_last_value_of_a_key_wins() {
    let traced = traced_with(|builder| builder.with_span_limits(limits()));
    let tracer = traced.tracer();
    let mut span = tracer
        .span_builder("span")
        .with_attributes([
            KeyValue::new("a", 1),
            KeyValue::new("b", 1),
            KeyValue::new("a", 2),
        ])
        .start(&tracer);
    span.set_attribute(KeyValue::new("b", 2));
    span.set_attribute(KeyValue::new("c", 1));
    span.end();
    // At the limit, an existing key can be replaced, but no new one added.
    let mut full = tracer
        .span_builder("full")
        .with_attributes(some(3))
        .start(&tracer);
    full.set_attribute(KeyValue::new("key 1", "changed"));
    full.set_attribute(KeyValue::new("key 3", "lost"));
    full.end();

    let spans = traced.all();
    let sorted = |span: &SpanData| {
        let mut pairs: Vec<_> = pairs(&span.attributes)
            .into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        pairs.sort();
        pairs
    };
    assert_eq!(sorted(&spans[0])[..2], ["a=2", "b=2"]);
    assert_eq!(sorted(&spans[1]), ["key 0=0", "key 1=changed", "key 2=2"]);
    assert_eq!(spans[1].dropped_attributes_count, 1);
}

#[test]
fn repeated_keys_count_once_towards_the_limit() {
    let traced = traced();
    let mut span = traced.tracer().start("span");
    for at in 0..200 {
        span.set_attribute(KeyValue::new("progress", at));
    }
    span.set_attribute(KeyValue::new("result", "done"));
    span.end();
    let span = traced.only();
    let expected = [("progress", "199"), ("result", "done")];
    let expected = expected.map(|(key, value)| (key, value.to_owned()));
    assert_eq!(pairs(&span.attributes), expected);
    assert_eq!(span.dropped_attributes_count, 0);
}

/// Each new key is compared only with the keys within the limit; otherwise this would take minutes.
#[test]
fn many_keys_beyond_the_limit() {
    let traced = traced();
    let mut span = traced.tracer().start("span");
    for at in 0..100_000 {
        span.set_attribute(KeyValue::new(format!("key {at}"), at));
        span.set_attribute(KeyValue::new("key 0", at));
    }
    span.end();
    let span = traced.only();
    assert_eq!(span.attributes.len(), 128);
    let first = span.attributes.iter().find(|it| it.key.as_str() == "key 0");
    assert_eq!(first.unwrap().value, Value::I64(99_999));
    assert_eq!(span.dropped_attributes_count, 100_000 - 128);
}

#[test]
fn events_links_and_scopes_have_each_key_once() {
    let traced = traced_with(|builder| builder.with_span_limits(limits()));
    let twice = |more: &[&'static str]| {
        let first = ["a", "b", "a"].iter().chain(more);
        let all = first.enumerate();
        all.map(|(at, key)| KeyValue::new(*key, at as i64))
            .collect::<Vec<_>>()
    };
    let scope = InstrumentationScope::builder("scope")
        .with_attributes(twice(&["c"]))
        .build();
    let tracer = traced.provider.tracer_with_scope(scope);
    let mut span = tracer
        .span_builder("span")
        .with_events(vec![Event::new("first", at(1), twice(&["b"]), 0)])
        .with_links(vec![Link::new(context(9, 10, 1, true, ""), twice(&[]), 0)])
        .start(&tracer);
    span.add_event("second", twice(&["c"]));
    span.add_link(context(9, 10, 1, true, ""), twice(&["c"]));
    span.end();

    let span = traced.only();
    let owned = |expected: &[(&'static str, i64)]| {
        let pairs = expected.iter();
        pairs
            .map(|(key, value)| KeyValue::new(*key, *value))
            .collect::<Vec<_>>()
    };
    // The limit applies to unique keys: one for an event, two for a link.
    let event = |at: usize| &span.events[at];
    assert_eq!(event(0).attributes, owned(&[("a", 2)]));
    assert_eq!(event(0).dropped_attributes_count, 1);
    assert_eq!(event(1).attributes, owned(&[("b", 1)]));
    assert_eq!(event(1).dropped_attributes_count, 2);
    let link = |at: usize| &span.links[at];
    assert_eq!(link(0).attributes, owned(&[("b", 1), ("a", 2)]));
    assert_eq!(link(0).dropped_attributes_count, 0);
    assert_eq!(link(1).attributes, owned(&[("b", 1), ("a", 2)]));
    assert_eq!(link(1).dropped_attributes_count, 1);
    let scope: Vec<_> = span.instrumentation_scope.attributes().cloned().collect();
    assert_eq!(scope, owned(&[("b", 1), ("a", 2), ("c", 3)]));
}

#[test]
fn sdk_spans_have_unique_keys_too() {
    let collected = Collected::default();
    let pipeline = crate::common::pipeline(collected.clone());
    let twice = || vec![KeyValue::new("a", 1), KeyValue::new("a", 2)];
    let tracer = pipeline.provider.tracer("test");
    let mut span = tracer.start("span");
    span.set_attributes(twice());
    span.add_event("event", twice());
    span.add_link(context(9, 10, 1, true, ""), twice());
    span.end();
    pipeline.handle.flush(PATIENCE).unwrap();
    let span = collected.all().remove(0);
    let lists = [
        &span.attributes,
        &span.events[0].attributes,
        &span.links[0].attributes,
    ];
    for list in lists {
        assert_eq!(*list, [KeyValue::new("a", 2)]);
    }
}

/// The count from an earlier component may be at its maximum already.
#[test]
fn dropped_counts_saturate() {
    let traced = traced_with(|builder| builder.with_span_limits(limits()));
    let tracer = traced.tracer();
    let event = Event::new("event", at(1), some(3), u32::MAX);
    let link = Link::new(context(9, 10, 1, true, ""), some(3), u32::MAX);
    let builder = tracer.span_builder("span");
    let builder = builder.with_events(vec![event]).with_links(vec![link]);
    builder.start(&tracer).end();
    let span = traced.only();
    assert_eq!(span.events[0].dropped_attributes_count, u32::MAX);
    assert_eq!(span.links[0].dropped_attributes_count, u32::MAX);
}

#[test]
fn the_reason_for_keeping_a_span_is_unique() {
    let keep = lianlu_sdk::KeepIf::error();
    let traced = traced_with(|builder| {
        let builder = builder.with_sampler(boxed(Sampler::AlwaysOff));
        builder.with_keep_if(keep)
    });
    let mut span = traced.tracer().start_with_context("span", &Context::new());
    span.set_attribute(KeyValue::new("lianlu.kept", "mine"));
    span.set_attribute(KeyValue::new("a", 1));
    span.set_status(Status::error("no"));
    span.end();
    let expected = [("a", "1"), ("lianlu.kept", "error")];
    let expected = expected.map(|(key, value)| (key, value.to_owned()));
    assert_eq!(pairs(&traced.only().attributes), expected);
}

#[test]
fn flush_and_shutdown_without_spans_need_no_time() {
    let traced = traced();
    traced.provider.flush(Duration::ZERO).unwrap();
    traced.tracer().start("span").end();
    traced.provider.flush(Duration::MAX).unwrap();
    traced.provider.flush(Duration::ZERO).unwrap();
    traced.provider.shutdown(Duration::ZERO).unwrap();
    assert_eq!(traced.provider.handle().counts().exported, 1);
}

#[test]
fn long_values_are_truncated() {
    let traced = traced_with(|builder| builder.with_attribute_value_length_limit(3));
    let list = |texts: &[&'static str]| {
        let texts = texts.iter().map(|text| (*text).into()).collect();
        Value::Array(Array::String(texts))
    };
    let long = || {
        vec![
            KeyValue::new("a key is never cut", "链路追踪"),
            KeyValue::new("short", "abc"),
            KeyValue::new("list", list(&["abcdef", "ab", "链路追踪"])),
            KeyValue::new("number", 123_456),
            KeyValue::new("numbers", Value::Array(vec![123_456_i64].into())),
        ]
    };
    let cut = [
        KeyValue::new("a key is never cut", "链路追"),
        KeyValue::new("short", "abc"),
        KeyValue::new("list", list(&["abc", "ab", "链路追"])),
        KeyValue::new("number", 123_456),
        KeyValue::new("numbers", Value::Array(vec![123_456_i64].into())),
    ];
    let tracer = traced.tracer();
    let mut span = tracer
        .span_builder("a long name")
        .with_attributes(long())
        .start(&tracer);
    span.add_event("a long event", long());
    span.add_link(context(9, 10, 1, true, "state=long"), long());
    span.set_status(Status::error("a long story"));
    span.end();
    let mut later = tracer.start("later");
    later.set_attributes(long());
    later.end();

    let spans = traced.all();
    assert_eq!(spans[0].attributes, cut);
    assert_eq!(spans[1].attributes, cut);
    assert_eq!(spans[0].events[0].attributes, cut);
    assert_eq!(spans[0].links[0].attributes, cut);
    // The limit applies to attribute values only.
    assert_eq!(spans[0].name, "a long name");
    assert_eq!(spans[0].events[0].name, "a long event");
    assert_eq!(spans[0].status, Status::error("a long story"));
    let state = spans[0].links[0].span_context.trace_state().header();
    assert_eq!(state, "state=long");
}

#[test]
fn statuses() {
    let error = |text: &'static str| Status::error(text);
    for (set, expected) in [
        (vec![], Status::Unset),
        (vec![Status::Unset], Status::Unset),
        (vec![error("a")], error("a")),
        (vec![error("")], error("")),
        (vec![Status::Ok], Status::Ok),
        (vec![error("a"), Status::Unset], error("a")),
        (vec![error("a"), Status::Ok], Status::Ok),
        (vec![Status::Ok, error("a")], Status::Ok),
        (vec![Status::Ok, Status::Unset], Status::Ok),
        (vec![error("b"), error("a")], error("a")),
        (vec![error("a"), error("")], error("a")),
    ] {
        let traced = traced();
        let mut span = traced.tracer().start("span");
        for status in &set {
            span.set_status(status.clone());
        }
        span.end();
        assert_eq!(traced.only().status, expected, "{set:?}");
    }
}

#[test]
fn unsampled_spans_have_only_a_context() {
    let traced = traced_with(|builder| builder.with_sampler(boxed(Sampler::AlwaysOff)));
    let parent = context(7, 8, 3, true, "a=1");
    for parent in [
        Context::new(),
        Context::new().with_remote_span_context(parent),
    ] {
        let mut span = traced.tracer().start_with_context("span", &parent);
        assert!(!span.is_recording());
        span.set_attribute(KeyValue::new("a", 1));
        span.set_status(Status::Ok);
        span.end();
        let own = span.span_context();
        assert!(own.is_valid() && !own.is_sampled() && !own.is_remote());
        let parent = parent.span().span_context().clone();
        if parent.is_valid() {
            assert_eq!(own.trace_id(), parent.trace_id());
            assert_ne!(own.span_id(), parent.span_id());
            assert_eq!(own.trace_state().header(), "a=1");
            // The random flag belongs to the trace.
            assert_eq!(own.trace_flags(), TraceFlags::new(2));
        }
    }
    assert!(traced.all().is_empty());
    assert_eq!(traced.provider.handle().counts().started, 0);
}

#[test]
fn parent_based_sampling() {
    for (root, parent, expected) in [
        (Sampler::AlwaysOn, None, true),
        (Sampler::AlwaysOff, None, false),
        (Sampler::AlwaysOff, Some(1), true),
        (Sampler::AlwaysOn, Some(0), false),
        (Sampler::TraceIdRatioBased(1.0), None, true),
        (Sampler::TraceIdRatioBased(0.0), None, false),
    ] {
        let based = Sampler::ParentBased(Box::new(root.clone()));
        let traced = traced_with(|builder| builder.with_sampler(boxed(based)));
        let parent = match parent {
            Some(flags) => Context::new().with_remote_span_context(context(7, 8, flags, true, "")),
            None => Context::new(),
        };
        let mut span = traced.tracer().start_with_context("span", &parent);
        assert_eq!(span.span_context().is_sampled(), expected, "{root:?}");
        span.end();
        assert_eq!(traced.all().len(), usize::from(expected), "{root:?}");
    }
}

/// Records its calls and returns a fixed decision.
#[derive(Debug, Clone)]
struct FixedDecision {
    decision: SamplingDecision,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ShouldSample for FixedDecision {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let parent = parent.unwrap().span().span_context().span_id();
        self.asked.lock().unwrap().push(format!(
            "{parent} {trace_id} {name} {kind:?} {:?} {}",
            pairs(attributes),
            links.len()
        ));
        SamplingResult {
            decision: self.decision.clone(),
            attributes: vec![KeyValue::new("sampler", "me"), KeyValue::new("a", 2)],
            trace_state: "sampler=1".parse().unwrap(),
        }
    }
}

#[test]
fn samplers_get_all_inputs_and_their_result_applies() {
    for decision in [
        SamplingDecision::RecordAndSample,
        SamplingDecision::RecordOnly,
        SamplingDecision::Drop,
    ] {
        let sampler = FixedDecision {
            decision: decision.clone(),
            asked: Arc::default(),
        };
        let traced = traced_with(|builder| builder.with_sampler(boxed(sampler.clone())));
        let tracer = traced.tracer();
        let parent = Context::new().with_remote_span_context(context(7, 8, 1, true, "a=1"));
        let mut span = tracer
            .span_builder("span")
            .with_kind(SpanKind::Server)
            .with_attributes([KeyValue::new("a", 1)])
            .with_links(vec![Link::with_context(context(9, 10, 1, true, ""))])
            .start_with_context(&tracer, &parent);
        let asked = sampler.asked.lock().unwrap().clone();
        let expected = format!(
            "{} {} span Server [(\"a\", \"1\")] 1",
            SpanId::from(8),
            TraceId::from(7)
        );
        assert_eq!(asked, [expected]);
        let is_sampled = decision == SamplingDecision::RecordAndSample;
        let is_recorded = decision != SamplingDecision::Drop;
        assert_eq!(span.is_recording(), is_recorded);
        assert_eq!(span.span_context().is_sampled(), is_sampled);
        assert_eq!(span.span_context().trace_state().header(), "sampler=1");
        span.set_attribute(KeyValue::new("later", true));
        span.end();
        let spans = traced.all();
        let counts = traced.provider.handle().counts();
        assert_eq!(counts.started, u64::from(is_sampled));
        assert_eq!(counts.open, 0);
        if is_sampled {
            let attributes = pairs(&spans[0].attributes);
            let expected = [("sampler", "me"), ("a", "2"), ("later", "true")];
            let expected = expected.map(|(key, value)| (key, value.to_owned()));
            assert_eq!(attributes, expected);
            assert_eq!(spans[0].span_context.trace_state().header(), "sampler=1");
        } else {
            assert!(spans.is_empty());
        }
    }
}

/// Looks like the SDK's sampler, but treats an unsampled local parent differently.
#[derive(Debug, Clone)]
struct ParentBased(Sampler);

impl ShouldSample for ParentBased {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_local = parent.is_some_and(|parent| !parent.span().span_context().is_remote());
        let sampler = match is_local {
            true => Sampler::AlwaysOn,
            false => Sampler::ParentBased(Box::new(self.0.clone())),
        };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[test]
fn a_sampler_that_resembles_the_sdks_is_called() {
    let sampler = || ParentBased(Sampler::AlwaysOn);
    for traced in [
        traced_with(|builder| builder.with_sampler(boxed(sampler()))),
        traced_with(|builder| builder.with_sampler(sampler())),
    ] {
        let is_sampled = |is_remote| {
            let parent = context(7, 8, 0, is_remote, "");
            let parent = Context::new().with_remote_span_context(parent);
            let span = traced.tracer().start_with_context("span", &parent);
            span.span_context().is_sampled()
        };
        assert!(is_sampled(false));
        assert!(!is_sampled(true));
    }
}

#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl IdGenerator for Counting {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(u128::from(self.0.fetch_add(1, Ordering::SeqCst)) << 64)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[test]
fn custom_id_generator() {
    let ids = Counting(AtomicU64::new(1));
    let traced = traced_with(|builder| builder.with_id_generator(ids));
    let tracer = traced.tracer();
    let root = Context::new().with_span(tracer.start_with_context("root", &Context::new()));
    tracer.start_with_context("child", &root).end();
    root.span().end();
    let spans = traced.all();
    let ids = |span: &SpanData| {
        let context = &span.span_context;
        (context.trace_id(), context.span_id())
    };
    let trace = TraceId::from(1_u128 << 64);
    assert_eq!(ids(&spans[0]), (trace, SpanId::from(3)));
    assert_eq!(ids(&spans[1]), (trace, SpanId::from(2)));
}

#[test]
fn random_ids_differ() {
    let traced = traced();
    let tracer = traced.tracer();
    for _ in 0..1000 {
        tracer.start_with_context("span", &Context::new()).end();
    }
    let spans = traced.all();
    let mut ids: Vec<_> = spans
        .iter()
        .map(|span| &span.span_context)
        .flat_map(|context| {
            let trace = context.trace_id().to_string();
            [trace, context.span_id().to_string()]
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 2000);
}

#[test]
fn no_spans_while_telemetry_is_suppressed() {
    let traced = traced();
    let tracer = traced.tracer();
    {
        let _silent = Context::enter_telemetry_suppressed_scope();
        let mut span = tracer.start("silent");
        assert!(!span.is_recording() && !span.span_context().is_valid());
        span.end();
    }
    tracer.start("loud").end();
    assert_eq!(traced.only().name, "loud");
    assert_eq!(traced.provider.handle().counts().started, 1);
}

#[test]
fn no_spans_after_the_shutdown() {
    let traced = traced();
    let tracer = traced.tracer();
    let mut open = tracer.start("open");
    tracer.start("ended").end();
    traced.provider.shutdown(PATIENCE).unwrap();
    assert_eq!(traced.collected.all().len(), 1);
    let mut late = tracer.start("late");
    assert!(!late.is_recording() && !late.span_context().is_valid());
    late.end();
    let mut other = traced.provider.tracer("other").start("late");
    assert!(!other.is_recording());
    other.end();
    // An open span is counted as lost.
    open.set_attribute(KeyValue::new("a", 1));
    open.end();
    let counts = traced.provider.handle().counts();
    assert_eq!((counts.started, counts.exported), (2, 1));
    assert_eq!((counts.open, counts.waiting), (0, 0));
    assert_eq!(counts.dropped.after_shutdown, 1);
    assert_eq!(traced.collected.all().len(), 1);
    // A second shutdown and a flush do nothing.
    traced.provider.shutdown(PATIENCE).unwrap();
    traced.provider.flush(PATIENCE).unwrap();
}

/// Without an exporter, spans still have ids.
#[test]
fn without_an_exporter() {
    let provider = TracerProvider::builder()
        .with_sampler(boxed(Sampler::AlwaysOn))
        .build()
        .unwrap();
    let mut span = provider.tracer("test").start("span");
    assert!(span.is_recording() && span.span_context().is_sampled());
    span.set_attribute(KeyValue::new("a", 1));
    span.end();
    provider.flush(PATIENCE).unwrap();
    assert_eq!(provider.handle().counts().started, 0);
}
