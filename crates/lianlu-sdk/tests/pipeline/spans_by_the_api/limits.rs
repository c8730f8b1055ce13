//! Span limits, and unique keys.

use super::*;

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
