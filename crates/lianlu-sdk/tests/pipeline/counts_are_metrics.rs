//! All counts of the pipeline are metrics, and the identity holds for them.

use std::collections::BTreeMap;
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider as _};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

const PATIENCE: Duration = Duration::from_secs(20);

/// Rejects every other batch.
struct Alternating(bool);

impl Export for Alternating {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0 = !self.0;
        match self.0 {
            true => Ok(()),
            false => Err(Failure::new(batch.len(), "no")),
        }
    }

    fn destination(&self) -> String {
        "moody".to_owned()
    }
}

/// The up-down counters of the conventions.
const UP_AND_DOWN: [&str; 3] = [
    "otel.sdk.span.live",
    "otel.sdk.processor.span.queue.size",
    "otel.sdk.processor.span.queue.capacity",
];

/// The data points of a counter or an up-down counter.
fn points(metric: &Metric) -> Vec<(Vec<KeyValue>, u64)> {
    let goes_down = UP_AND_DOWN.contains(&metric.name());
    match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) if sum.is_monotonic() && !goes_down => {
            let points = sum.data_points();
            points
                .map(|point| (point.attributes().cloned().collect(), point.value()))
                .collect()
        }
        AggregatedMetrics::I64(MetricData::Sum(sum)) if !sum.is_monotonic() && goes_down => {
            let value = |value: i64| u64::try_from(value).unwrap();
            let points = sum.data_points();
            points
                .map(|point| (point.attributes().cloned().collect(), value(point.value())))
                .collect()
        }
        _ => panic!("{metric:?}"),
    }
}

/// The last value of each series, by metric name and `error.type`, if any.
fn read(exporter: &InMemoryMetricExporter) -> BTreeMap<(String, String), u64> {
    let mut series = BTreeMap::new();
    let last = exporter.get_finished_metrics().unwrap().pop().unwrap();
    for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
        for (attributes, value) in points(metric) {
            let of = |key: &str| {
                let found = attributes.iter().find(|it| it.key.as_str() == key);
                found.map(|it| it.value.to_string()).unwrap_or_default()
            };
            assert_eq!(of("otel.component.type"), "lianlu_pipeline");
            assert!(of("otel.component.name").starts_with("lianlu_pipeline/"));
            let before = series.insert((metric.name().to_owned(), of("error.type")), value);
            assert_eq!(before, None);
        }
    }
    series
}

#[test]
fn metrics_satisfy_the_identity() {
    let exporter = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder()
        .with_periodic_exporter(exporter.clone())
        .build();
    let provider = TracerProvider::builder()
        .with_exporter(Alternating(false))
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    provider.handle().register_metrics(&meters.meter("test"));
    for batch in 1..=3 {
        for _ in 0..batch {
            provider.tracer("test").start("span").end();
        }
        let _ = provider.flush(PATIENCE);
    }
    let open = provider.tracer("test").start("open");
    meters.force_flush().unwrap();
    let series = read(&exporter);
    let of = |name: &str, error: &str| series[&(name.to_owned(), error.to_owned())];
    assert_eq!(of("otel.sdk.span.started", ""), 7);
    assert_eq!(of("otel.sdk.span.live", ""), 1);
    assert_eq!(of("otel.sdk.processor.span.queue.size", ""), 0);
    assert_eq!(of("otel.sdk.processor.span.queue.capacity", ""), 16_384);
    assert_eq!(of("otel.sdk.processor.span.processed", ""), 4);
    assert_eq!(of("otel.sdk.processor.span.processed", "export_failed"), 2);
    assert_eq!(of("otel.sdk.exporter.span.exported", ""), 4);
    drop(open);
    let handle = provider.handle();
    let _ = provider.shutdown(PATIENCE);
    drop(provider);
    drop(handle);
    // Instruments do not keep a pipeline alive.
    meters.force_flush().unwrap();
    assert!(exporter.get_finished_metrics().unwrap().len() <= 2);
}
