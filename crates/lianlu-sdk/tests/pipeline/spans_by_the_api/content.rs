//! Attributes, events, links, status, times and parents.

use super::*;

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
