//! Id generators, and spans that are not exported.

use super::*;

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
    // The parent's context goes on.
    let parent = open.span_context().clone();
    let context = Context::new().with_remote_span_context(parent.clone());
    let other = traced.provider.tracer("other");
    let mut other = other.start_with_context("late", &context);
    assert!(!other.is_recording() && *other.span_context() == parent);
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

/// Roots are flagged as random if their ids are; the flags of a remote parent go on unchanged.
#[test]
fn roots_have_the_flag_of_random_ids() {
    type Change = fn(TracerProviderBuilder) -> TracerProviderBuilder;
    let cases: [(Change, u8); 6] = [
        (|it| it, 2),
        (|it| it.with_random_trace_ids(false), 0),
        (|it| it.with_id_generator(RandomIdGenerator::default()), 2),
        (|it| it.with_id_generator(Counting(AtomicU64::new(1))), 0),
        (
            |it| {
                it.with_id_generator(Counting(AtomicU64::new(1)))
                    .with_random_trace_ids(true)
            },
            2,
        ),
        (
            |it| {
                it.with_random_trace_ids(true)
                    .with_id_generator(Counting(AtomicU64::new(1)))
            },
            2,
        ),
    ];
    for (change, random) in cases {
        for (sampler, sampled) in [(Sampler::AlwaysOn, 1), (Sampler::AlwaysOff, 0)] {
            let provider = change(TracerProvider::builder().with_sampler(sampler));
            let tracer = provider.build().unwrap().tracer("test");
            let root = tracer.start_with_context("root", &Context::new());
            assert_eq!(root.span_context().trace_flags().to_u8(), random | sampled);
            for received in 0..4 {
                let parent = context(7, 8, received, true, "");
                let parent = Context::new().with_remote_span_context(parent);
                let child = tracer.start_with_context("child", &parent);
                let expected = received & 2 | sampled;
                assert_eq!(child.span_context().trace_flags().to_u8(), expected);
            }
        }
    }
}
