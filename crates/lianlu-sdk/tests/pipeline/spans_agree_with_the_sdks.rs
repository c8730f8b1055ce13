//! For arbitrary operations on spans, lianlu's provider and `opentelemetry_sdk`'s export the same,
//! including ids and times.
//!
//! Four intentional differences are excluded. Duplicate attribute keys: the SDK exports them twice
//! in spans, events and links; the specification requires unique keys, and ours are unique, so the
//! SDK's are deduplicated before the comparison. Duplicate keys also count twice towards the SDK's
//! limits, so the attribute limit of spans is not reached here, and the attributes of truncated
//! events and links have unique keys. Of two error statuses the SDK keeps the one with the
//! alphabetically later description; there is only one here. And the SDK clears the W3C flag for
//! random ids on unsampled traces.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lianlu_sdk::TracerProvider;
use opentelemetry::trace::{
    Event, Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
    TraceId, Tracer, TracerProvider as _,
};
use opentelemetry::{Array, Context, KeyValue, Value};
use opentelemetry_sdk::trace::{
    IdGenerator, InMemorySpanExporter, Sampler, SdkTracerProvider, ShouldSample, SpanData,
    SpanLimits,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::PATIENCE;
use crate::common::decoded::Collected;

/// The operations on a span, from its builder to its end.
#[derive(Debug, Clone)]
struct Operations {
    parent: Option<SpanContext>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    links: Vec<Link>,
    steps: Vec<Step>,
    start: u64,
    /// `None` if the span is ended by dropping it; that end time is not compared.
    length: Option<u64>,
}

#[derive(Debug, Clone)]
enum Step {
    Attribute(KeyValue),
    Event(Event),
    Link(Link),
    Status(Status),
    Name(String),
    End(u64),
    Child,
}

fn time(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::I64),
        any::<f64>()
            .prop_filter("a NaN is like no other", |it| !it.is_nan())
            .prop_map(Value::F64),
        ".{0,8}".prop_map(|text| Value::String(text.into())),
        vec(any::<i64>(), 1..4).prop_map(|list| Value::Array(Array::I64(list))),
        vec(any::<bool>(), 1..4).prop_map(|list| Value::Array(Array::Bool(list))),
        vec(".{0,4}", 0..4).prop_map(|list| {
            Value::Array(Array::String(list.into_iter().map(Into::into).collect()))
        }),
    ]
}

/// From few keys, so that keys repeat.
fn attribute() -> impl Strategy<Value = KeyValue> {
    ("[a-e]", value()).prop_map(|(key, value)| KeyValue::new(key, value))
}

/// Attributes of an event or a link: unique keys, or within the limit.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let unique = vec(value(), 0..4).prop_map(|values| {
        let keys = values.into_iter().enumerate();
        keys.map(|(at, value)| KeyValue::new(format!("key {at}"), value))
            .collect()
    });
    prop_oneof![unique, vec(attribute(), 0..=ATTRIBUTE_LIMIT as usize)]
}

fn event() -> impl Strategy<Value = Event> {
    (".{0,8}", any::<u64>(), attributes())
        .prop_map(|(name, at, attributes)| Event::new(name, time(at), attributes, 0))
}

fn context() -> impl Strategy<Value = SpanContext> {
    let states = prop_oneof![Just(""), Just("a=1"), Just("a=1,b@c=2")];
    (1_u128.., 1_u64.., 0_u8..4, any::<bool>(), states).prop_map(
        |(trace, span, flags, is_remote, state)| {
            SpanContext::new(
                TraceId::from(trace),
                SpanId::from(span),
                TraceFlags::new(flags),
                is_remote,
                state.parse().unwrap(),
            )
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (context(), attributes()).prop_map(|(context, attributes)| Link::new(context, attributes, 0))
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        Just(Status::error("no"))
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => attribute().prop_map(Step::Attribute),
        3 => event().prop_map(Step::Event),
        3 => link().prop_map(Step::Link),
        2 => status().prop_map(Step::Status),
        1 => ".{0,8}".prop_map(Step::Name),
        1 => any::<u64>().prop_map(Step::End),
        1 => Just(Step::Child),
    ]
}

fn kind() -> impl Strategy<Value = SpanKind> {
    prop_oneof![
        Just(SpanKind::Internal),
        Just(SpanKind::Server),
        Just(SpanKind::Client),
        Just(SpanKind::Producer),
        Just(SpanKind::Consumer),
    ]
}

fn operations() -> impl Strategy<Value = Operations> {
    let start = (
        proptest::option::of(context()),
        kind(),
        vec(attribute(), 0..6),
        vec(event(), 0..4),
        vec(link(), 0..4),
    );
    let rest = (
        vec(step(), 0..24),
        0..u64::MAX / 2,
        proptest::option::of(0..u64::MAX / 2),
    );
    (start, rest).prop_map(
        |((parent, kind, attributes, events, links), (steps, start, length))| Operations {
            parent,
            kind,
            attributes,
            events,
            links,
            steps,
            start,
            length,
        },
    )
}

fn sampler() -> impl Strategy<Value = Sampler> {
    let root = || {
        prop_oneof![
            3 => Just(Sampler::AlwaysOn),
            1 => Just(Sampler::AlwaysOff),
            1 => Just(Sampler::TraceIdRatioBased(0.5)),
        ]
    };
    prop_oneof![
        root(),
        root().prop_map(|root| Sampler::ParentBased(Box::new(root))),
    ]
}

/// The same sequence of ids for both providers.
#[derive(Debug, Default)]
struct Ids {
    traces: AtomicU64,
    spans: AtomicU64,
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        let next = self.traces.fetch_add(1, Ordering::SeqCst) + 1;
        // Spread out for the ratio sampler.
        TraceId::from(u128::from(next).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.spans.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

/// Attribute limit of events and links.
const ATTRIBUTE_LIMIT: u32 = 2;

fn limits() -> SpanLimits {
    SpanLimits {
        max_attributes_per_span: 1000,
        max_events_per_span: 3,
        max_links_per_span: 3,
        max_attributes_per_event: ATTRIBUTE_LIMIT,
        max_attributes_per_link: ATTRIBUTE_LIMIT,
    }
}

/// Performs the operations. Returns the span's state at its start, after each step, and at its end.
fn perform<T: Tracer>(tracer: &T, operations: &Operations) -> Vec<String>
where
    T::Span: Send + Sync + 'static,
{
    let mut states = Vec::new();
    let parent = match &operations.parent {
        Some(parent) => Context::new().with_remote_span_context(parent.clone()),
        None => Context::new(),
    };
    let mut span = tracer
        .span_builder("operations")
        .with_kind(operations.kind.clone())
        .with_start_time(time(operations.start))
        .with_attributes(operations.attributes.clone())
        .with_events(operations.events.clone())
        .with_links(operations.links.clone())
        .start_with_context(tracer, &parent);
    let mut note = |span: &T::Span| {
        let context = span.span_context();
        let flags = context.trace_flags() & TraceFlags::SAMPLED;
        states.push(format!(
            "{} {} {flags:?} {} {:?} {}",
            context.trace_id(),
            context.span_id(),
            context.is_remote(),
            context.trace_state(),
            span.is_recording()
        ));
    };
    note(&span);
    for step in operations.steps.clone() {
        match step {
            Step::Attribute(attribute) => span.set_attribute(attribute),
            Step::Event(event) => {
                span.add_event_with_timestamp(event.name, event.timestamp, event.attributes);
            }
            Step::Link(link) => span.add_link(link.span_context, link.attributes),
            Step::Status(status) => span.set_status(status),
            Step::Name(name) => span.update_name(name),
            Step::End(length) => {
                span.end_with_timestamp(time(operations.start.saturating_add(length)));
            }
            Step::Child => {
                let context = span.span_context().clone();
                let context = Context::new().with_remote_span_context(context);
                let start = time(operations.start);
                let child = tracer.span_builder("child").with_start_time(start);
                let mut child = child.start_with_context(tracer, &context);
                note(&child);
                child.end_with_timestamp(start);
            }
        }
        note(&span);
    }
    if let Some(length) = operations.length {
        span.end_with_timestamp(time(operations.start + length));
    }
    states
}

/// Keeps the last value of each key.
fn deduplicate(attributes: &mut Vec<KeyValue>) {
    let all = std::mem::take(attributes);
    for (at, attribute) in all.iter().enumerate() {
        let later = &all[at + 1..];
        if !later.iter().any(|later| later.key == attribute.key) {
            attributes.push(attribute.clone());
        }
    }
}

/// Normalised to what our exporters receive.
fn as_ours(mut span: SpanData) -> SpanData {
    deduplicate(&mut span.attributes);
    for event in &mut span.events.events {
        deduplicate(&mut event.attributes);
    }
    for link in &mut span.links.links {
        deduplicate(&mut link.attributes);
    }
    span
}

fn normalised(mut span: SpanData, is_dropped: bool) -> SpanData {
    // Our spans never end before they start.
    span.end_time = span.end_time.max(span.start_time);
    if is_dropped && span.name != "child" {
        span.end_time = UNIX_EPOCH;
    }
    span
}

proptest! {
    #[test]
    fn arbitrary_operations_agree(sequences in vec(operations(), 1..4), sampler in sampler()) {
        let collected = Collected::default();
        let ours = TracerProvider::builder()
            .with_exporter(collected.clone())
            .with_sampler(Box::new(sampler.clone()) as Box<dyn ShouldSample>)
            .with_id_generator(Ids::default())
            .with_span_limits(limits())
            .build()
            .unwrap();
        let exporter = InMemorySpanExporter::default();
        let sdk = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_sampler(sampler)
            .with_id_generator(Ids::default())
            .with_max_events_per_span(limits().max_events_per_span)
            .with_max_links_per_span(limits().max_links_per_span)
            .with_max_attributes_per_span(limits().max_attributes_per_span)
            .with_max_attributes_per_event(limits().max_attributes_per_event)
            .with_max_attributes_per_link(limits().max_attributes_per_link)
            .build();
        let tracers = (ours.tracer("test"), sdk.tracer("test"));
        for operations in &sequences {
            prop_assert_eq!(perform(&tracers.0, operations), perform(&tracers.1, operations));
        }
        ours.flush(PATIENCE).unwrap();
        let is_dropped = sequences.iter().any(|operations| operations.length.is_none());
        let settle = |spans: Vec<SpanData>| -> Vec<_> {
            spans.into_iter().map(|span| normalised(span, is_dropped)).collect()
        };
        let theirs = exporter.get_finished_spans().unwrap();
        let expected = settle(theirs.into_iter().map(as_ours).collect());
        prop_assert_eq!(settle(collected.all()), expected);
    }
}
