//! The counts as metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, OTEL_COMPONENT_NAME, OTEL_COMPONENT_TYPE,
};
use opentelemetry_semantic_conventions::metric::{
    OTEL_SDK_EXPORTER_SPAN_EXPORTED, OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
    OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY, OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE, OTEL_SDK_SPAN_LIVE,
    OTEL_SDK_SPAN_STARTED,
};

use super::counts::{DestinationCounts, SpanCounts};
use super::shared::Shared;

/// The conventions define no names for these.
const RECOVERED: &str = "lianlu.recorder.span.recovered";
const DURABLE: &str = "lianlu.recorder.span.durable";
const UNNOTED: &str = "lianlu.recorder.call.unnoted";
/// The destination, by the exporter's name.
const DESTINATION: &str = "lianlu.destination";
const COMPONENT_TYPE: &str = "lianlu_pipeline";

/// The pipeline observed by the instruments, which do not keep it alive.
#[derive(Clone)]
struct Observed {
    shared: Weak<Shared>,
    attributes: Vec<KeyValue>,
}

type Observer<'a, T = u64> = &'a dyn AsyncInstrument<T>;

impl Observed {
    fn with(&self, more: impl IntoIterator<Item = KeyValue>) -> Vec<KeyValue> {
        self.attributes.iter().cloned().chain(more).collect()
    }

    /// A callback that observes one number of the pipeline.
    fn number<T>(
        &self,
        number: impl Fn(&Shared, &SpanCounts) -> T + Send + Sync + 'static,
    ) -> impl Fn(Observer<'_, T>) + Send + Sync + 'static {
        let observed = self.clone();
        move |observer| {
            if let Some(shared) = observed.shared.upgrade() {
                observer.observe(number(&shared, &shared.counts()), &observed.attributes);
            }
        }
    }

    /// A callback that observes a number of each destination.
    fn each<T>(
        &self,
        observe: impl Fn(&Observed, &DestinationCounts, Observer<'_, T>) + Send + Sync + 'static,
    ) -> impl Fn(Observer<'_, T>) + Send + Sync + 'static {
        let observed = self.clone();
        move |observer| {
            if let Some(shared) = observed.shared.upgrade() {
                for destination in shared.destination_counts() {
                    observe(&observed, &destination, observer);
                }
            }
        }
    }
}

fn destination(of: &DestinationCounts) -> KeyValue {
    KeyValue::new(DESTINATION, of.name.clone())
}

/// Values of up-down counters are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn lost(observed: &Observed, of: &DestinationCounts, observer: Observer<'_>) {
    for (reason, count) in of.counts.dropped.by_reason() {
        if count > 0 {
            let attributes = observed.with([destination(of), KeyValue::new(ERROR_TYPE, reason)]);
            observer.observe(count, &attributes);
        }
    }
}

/// Registers the instruments.
pub(super) fn register(shared: &Arc<Shared>, meter: &Meter) {
    static PIPELINES: AtomicU64 = AtomicU64::new(0);
    let number = PIPELINES.fetch_add(1, Ordering::Relaxed);
    let observed = Observed {
        shared: Arc::downgrade(shared),
        attributes: vec![
            KeyValue::new(OTEL_COMPONENT_TYPE, COMPONENT_TYPE),
            KeyValue::new(OTEL_COMPONENT_NAME, format!("{COMPONENT_TYPE}/{number}")),
        ],
    };
    let counter = |name: &'static str, description: &'static str| {
        let counter = meter.u64_observable_counter(name);
        counter.with_unit("{span}").with_description(description)
    };
    let up_down = |name: &'static str, description: &'static str| {
        let counter = meter.i64_observable_up_down_counter(name);
        counter.with_unit("{span}").with_description(description)
    };
    counter(
        OTEL_SDK_SPAN_STARTED,
        "Sampled spans that have started, and those recovered from an earlier run.",
    )
    .with_callback(observed.number(|_, counts| counts.started))
    .build();
    up_down(
        OTEL_SDK_SPAN_LIVE,
        "Sampled spans that have started and not ended.",
    )
    .with_callback(observed.number(|_, counts| signed(counts.open)))
    .build();
    up_down(
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
        "Spans that have ended and wait to be exported.",
    )
    .with_callback(observed.each(|observed, of, observer| {
        observer.observe(signed(of.counts.waiting), &observed.with([destination(of)]));
    }))
    .build();
    up_down(
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY,
        "Most spans that wait in memory.",
    )
    .with_callback(observed.number(|shared, _| signed(shared.limits.queue_size as u64)))
    .build();
    counter(
        OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
        "Spans that the pipeline has finished: exported without `error.type`, lost with it.",
    )
    .with_callback(observed.each(|observed, of, observer| {
        observer.observe(of.counts.exported, &observed.with([destination(of)]));
        lost(observed, of, observer);
    }))
    .build();
    counter(
        OTEL_SDK_EXPORTER_SPAN_EXPORTED,
        "Spans that a destination has accepted.",
    )
    .with_callback(observed.each(|observed, of, observer| {
        observer.observe(of.counts.exported, &observed.with([destination(of)]));
    }))
    .build();
    counter(
        RECOVERED,
        "Spans that an earlier run has left in the flight recorder.",
    )
    .with_callback(observed.number(|_, counts| counts.recovered))
    .build();
    counter(
        DURABLE,
        "Spans that have reached the flight recorder's durability level.",
    )
    .with_callback(observed.number(|_, counts| counts.durable))
    .build();
    counter(
        UNNOTED,
        "Calls that started while the flight recorder had no free slot.",
    )
    .with_callback(observed.number(|shared, _| shared.unnoted()))
    .build();
}
