//! The counts as metrics.
//!
//! Follows <https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/>.

use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, OTEL_SPAN_PARENT_ORIGIN, OTEL_SPAN_SAMPLING_RESULT,
};
use opentelemetry_semantic_conventions::metric::{
    OTEL_SDK_EXPORTER_OPERATION_DURATION, OTEL_SDK_EXPORTER_SPAN_EXPORTED,
    OTEL_SDK_EXPORTER_SPAN_INFLIGHT, OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
    OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY, OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE, OTEL_SDK_SPAN_LIVE,
    OTEL_SDK_SPAN_STARTED,
};

use super::counts::{DestinationCounts, DropCounts, SpanCounts};
use super::shared::Shared;

/// The conventions define no names for these.
const RECOVERED: &str = "lianlu.recorder.span.recovered";
const DURABLE: &str = "lianlu.recorder.span.durable";
const UNNOTED: &str = "lianlu.recorder.call.unnoted";

/// The pipeline observed by the instruments, which do not keep it alive.
#[derive(Clone)]
struct Observed(Weak<Shared>);

type Observer<'a, T> = &'a dyn AsyncInstrument<T>;

impl Observed {
    /// A callback that observes the pipeline.
    fn all<T>(
        &self,
        observe: impl Fn(&Shared, Observer<'_, T>) + Send + Sync + 'static,
    ) -> impl Fn(Observer<'_, T>) + Send + Sync + 'static {
        let Self(observed) = self.clone();
        move |observer| {
            if let Some(shared) = observed.upgrade() {
                observe(&shared, observer);
            }
        }
    }

    /// A callback that observes one number of the pipeline.
    fn number<T>(
        &self,
        number: impl Fn(&Shared, &SpanCounts) -> T + Send + Sync + 'static,
    ) -> impl Fn(Observer<'_, T>) + Send + Sync + 'static {
        self.all(move |shared, observer| observer.observe(number(shared, &shared.counts()), &[]))
    }

    /// A callback that observes each destination.
    fn each<T>(
        &self,
        observe: impl Fn(&DestinationCounts, Observer<'_, T>) + Send + Sync + 'static,
    ) -> impl Fn(Observer<'_, T>) + Send + Sync + 'static {
        self.all(move |shared, observer| {
            for destination in shared.destination_counts() {
                observe(&destination, observer);
            }
        })
    }
}

/// Values of up-down counters are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn with(mut attributes: Vec<KeyValue>, key: &'static str, value: &str) -> Vec<KeyValue> {
    attributes.push(KeyValue::new(key, value.to_owned()));
    attributes
}

/// Spans that were lost before they reached the exporter, by `error.type`.
fn lost_before_export(of: &DestinationCounts) -> [(&'static str, u64); 5] {
    let DropCounts {
        queue_full,
        given_up,
        recorder_full,
        recorder_failed,
        after_shutdown,
        ..
    } = of.counts.dropped;
    [
        ("queue_full", queue_full),
        ("already_shutdown", after_shutdown),
        ("given_up", given_up.saturating_sub(of.exporter.given_up)),
        ("recorder_full", recorder_full),
        ("recorder_failed", recorder_failed),
    ]
}

fn started(shared: &Shared, observer: Observer<'_, u64>) {
    for (result, origin, count) in shared.start_counts().each() {
        if count > 0 {
            let attributes = [
                KeyValue::new(OTEL_SPAN_SAMPLING_RESULT, result),
                KeyValue::new(OTEL_SPAN_PARENT_ORIGIN, origin),
            ];
            observer.observe(count, &attributes);
        }
    }
}

fn live(shared: &Shared, observer: Observer<'_, i64>) {
    let result = |result| [KeyValue::new(OTEL_SPAN_SAMPLING_RESULT, result)];
    observer.observe(signed(shared.counts().open), &result("RECORD_AND_SAMPLE"));
    let record_only = shared.start_counts().record_only_open();
    if record_only > 0 {
        observer.observe(signed(record_only), &result("RECORD_ONLY"));
    }
}

fn processed(of: &DestinationCounts, observer: Observer<'_, u64>) {
    let processor = of.names.processor();
    observer.observe(of.exporter.submitted, &processor);
    for (reason, count) in lost_before_export(of) {
        if count > 0 {
            observer.observe(count, &with(processor.clone(), ERROR_TYPE, reason));
        }
    }
}

fn exported(of: &DestinationCounts, observer: Observer<'_, u64>) {
    let exporter = of.names.exporter();
    observer.observe(of.counts.exported, &exporter);
    for (class, count) in &of.exporter.failed {
        observer.observe(*count, &with(exporter.clone(), ERROR_TYPE, class));
    }
}

/// Registers the instruments. `is_sdk`: the spans are started by this crate's provider, so all of
/// them are counted.
pub(super) fn register(shared: &Arc<Shared>, meter: &Meter, is_sdk: bool) {
    let observed = Observed(Arc::downgrade(shared));
    let counter = |name: &'static str, unit: &'static str, description: &'static str| {
        let counter = meter.u64_observable_counter(name);
        counter.with_unit(unit).with_description(description)
    };
    let up_down = |name: &'static str, description: &'static str| {
        let counter = meter.i64_observable_up_down_counter(name);
        counter.with_unit("{span}").with_description(description)
    };
    if is_sdk {
        counter(
            OTEL_SDK_SPAN_STARTED,
            "{span}",
            "The number of created spans.",
        )
        .with_callback(observed.all(started))
        .build();
        up_down(
            OTEL_SDK_SPAN_LIVE,
            "The number of created spans with `recording=true` for which the end operation has not been called yet.",
        )
        .with_callback(observed.all(live))
        .build();
    }
    up_down(
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE,
        "The number of spans in the queue of a given instance of an SDK span processor.",
    )
    .with_callback(observed.each(|of, observer| {
        let queued = of.counts.waiting.saturating_sub(of.exporter.inflight);
        observer.observe(signed(queued), &of.names.processor());
    }))
    .build();
    up_down(
        OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY,
        "The maximum number of spans the queue of a given instance of an SDK span processor can hold.",
    )
    .with_callback(observed.all(|shared, observer| {
        let capacity = signed(shared.limits.queue_size as u64);
        for of in shared.destination_counts() {
            observer.observe(capacity, &of.names.processor());
        }
    }))
    .build();
    counter(
        OTEL_SDK_PROCESSOR_SPAN_PROCESSED,
        "{span}",
        "The number of spans for which the processing has finished, either successful or failed.",
    )
    .with_callback(observed.each(processed))
    .build();
    up_down(
        OTEL_SDK_EXPORTER_SPAN_INFLIGHT,
        "The number of spans which were passed to the exporter, but that have not been exported yet (neither successful, nor failed).",
    )
    .with_callback(observed.each(|of, observer| {
        observer.observe(signed(of.exporter.inflight), &of.names.exporter());
    }))
    .build();
    counter(
        OTEL_SDK_EXPORTER_SPAN_EXPORTED,
        "{span}",
        "The number of spans for which the export has finished, either successful or failed.",
    )
    .with_callback(observed.each(exported))
    .build();
    let duration = meter
        .f64_histogram(OTEL_SDK_EXPORTER_OPERATION_DURATION)
        .with_unit("s")
        .with_description("The duration of exporting a batch of telemetry records.");
    shared.observe_durations(duration.build());
    counter(
        RECOVERED,
        "{span}",
        "Spans that an earlier run has left in the flight recorder.",
    )
    .with_callback(observed.number(|_, counts| counts.recovered))
    .build();
    counter(
        DURABLE,
        "{span}",
        "Spans that have reached the flight recorder's durability level.",
    )
    .with_callback(observed.number(|_, counts| counts.durable))
    .build();
    counter(
        UNNOTED,
        "{call}",
        "Calls that started while the flight recorder had no free slot.",
    )
    .with_callback(observed.number(|shared, _| shared.unnoted()))
    .build();
}
