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
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, SamplingResult, ShouldSample,
    SpanData, SpanLimits,
};

mod content;
mod ids_and_shutdown;
mod limits;
mod sampling;

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
    let mut expected = values();
    for attribute in &mut expected {
        // An encoded empty array has no element type.
        if attribute.key.as_str() == "nothing" {
            attribute.value = Value::Array(Array::String(Vec::new()));
        }
    }
    expected
}
