//! The metrics of a scenario: aggregated by the SDK, or each value in a list.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lianlu::{ClientLayer, ServerLayer, TraceLayer, layer::Side};
use opentelemetry::metrics::{
    Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter, MeterProvider,
    SyncInstrument, UpDownCounter,
};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

use super::PATIENCE;
use super::traces::Traces;

/// One meter provider for each scenario, so that they can run in parallel.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

/// One series of one metric.
#[derive(Debug, Clone)]
pub struct Series {
    pub scope: InstrumentationScope,
    pub name: String,
    pub unit: String,
    pub description: String,
    /// `key=1` or `key="text"`, sorted. A duplicate key is listed twice.
    pub labels: Vec<String>,
    /// The number of values; 0 for a counter.
    pub count: u64,
    pub sum: f64,
    pub bounds: Vec<f64>,
}

impl Series {
    /// The labels in one line.
    pub fn line(&self) -> String {
        self.labels.join(" ")
    }

    /// A label's value, as in the line.
    pub fn label(&self, key: &str) -> Option<&str> {
        let mut values = self.labels.iter().filter_map(|label| {
            let (found, value) = label.split_once('=').unwrap();
            (found == key).then_some(value.trim_matches('"'))
        });
        let value = values.next();
        assert_eq!(values.next(), None, "{key} is there twice in {self:?}");
        value
    }
}

pub fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => format!("{:?}", text.as_str()),
        other => other.to_string(),
    };
    let mut labels: Vec<_> = attributes
        .map(|label| format!("{}={}", label.key, text(&label.value)))
        .collect();
    labels.sort_unstable();
    labels
}

impl Default for Metrics {
    fn default() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone())
            .with_interval(Duration::from_secs(3600))
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        Self { provider, exporter }
    }
}

impl Metrics {
    /// The layer, recording into these metrics.
    pub fn on<K: Side>(&self, layer: TraceLayer<K>) -> TraceLayer<K> {
        layer.with_metrics(|metrics| metrics.provider(self.provider.clone()))
    }

    /// All series at this moment, sorted by name and labels.
    pub fn all(&self) -> Vec<Series> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut series = Vec::new();
        for exported in self.exporter.get_finished_metrics().unwrap() {
            for scope in exported.scope_metrics() {
                for metric in scope.metrics() {
                    let mut add = |attributes, count, sum, bounds| {
                        series.push(Series {
                            scope: scope.scope().clone(),
                            name: metric.name().to_owned(),
                            unit: metric.unit().to_owned(),
                            description: metric.description().to_owned(),
                            labels: attributes,
                            count,
                            sum,
                            bounds,
                        });
                    };
                    match metric.data() {
                        AggregatedMetrics::F64(MetricData::Histogram(data)) => {
                            for point in data.data_points() {
                                let bounds = point.bounds().collect();
                                add(
                                    labels(point.attributes()),
                                    point.count(),
                                    point.sum(),
                                    bounds,
                                );
                            }
                        }
                        AggregatedMetrics::U64(MetricData::Histogram(data)) => {
                            for point in data.data_points() {
                                let bounds = point.bounds().collect();
                                let sum = point.sum() as f64;
                                add(labels(point.attributes()), point.count(), sum, bounds);
                            }
                        }
                        AggregatedMetrics::I64(MetricData::Sum(data)) => {
                            assert!(!data.is_monotonic(), "{}", metric.name());
                            for point in data.data_points() {
                                add(
                                    labels(point.attributes()),
                                    0,
                                    point.value() as f64,
                                    Vec::new(),
                                );
                            }
                        }
                        other => panic!("unexpected kind of {}: {other:?}", metric.name()),
                    }
                }
            }
        }
        series.sort_by_key(|series| (series.name.clone(), series.line()));
        series
    }

    /// The series of one metric.
    pub fn of(&self, name: &str) -> Vec<Series> {
        let mut series = self.all();
        series.retain(|series| series.name == name);
        series
    }

    /// The names of the metrics that have series.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.all().into_iter().map(|series| series.name).collect();
        names.dedup();
        names
    }

    /// The only series of one metric.
    pub fn only(&self, name: &str) -> Series {
        let series = self.of(name);
        let [one] = &series[..] else {
            panic!("{} series of {name}: {series:#?}", series.len());
        };
        one.clone()
    }

    /// Waits until a histogram has `count` values, and no more: a call is measured just after its
    /// span has ended.
    pub async fn counted(&self, name: &str, count: u64) -> Vec<Series> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let series = self.of(name);
            let found: u64 = series.iter().map(|series| series.count).sum();
            if found >= count {
                assert_eq!(found, count, "{series:#?}");
                return series;
            }
            assert!(
                Instant::now() < give_up,
                "{name} has {found} of {count} values"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until a counter's series sum up to `value`.
    pub async fn stands_at(&self, name: &str, value: f64) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let sum: f64 = self.of(name).iter().map(|series| series.sum).sum();
            if sum == value {
                return;
            }
            assert!(Instant::now() < give_up, "{name} is {sum}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Spans and metrics of one scenario.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    pub traces: Traces,
    pub metrics: Metrics,
}

impl Telemetry {
    pub fn server(&self) -> ServerLayer {
        self.metrics.on(self.traces.server())
    }

    pub fn client(&self) -> ClientLayer {
        self.metrics.on(self.traces.client())
    }
}

/// A meter provider that keeps each value with the current span.
#[derive(Debug, Clone, Default)]
pub struct Values(Arc<Mutex<Vec<Measured>>>);

/// A value that an instrument recorded.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    pub value: f64,
    pub labels: Vec<String>,
    /// The current span, as an exemplar would have it.
    pub span: SpanContext,
}

impl Values {
    /// The layer, recording into these values.
    pub fn on<K: Side>(&self, layer: TraceLayer<K>) -> TraceLayer<K> {
        layer.with_metrics(|metrics| metrics.provider(self.clone()))
    }

    pub fn all(&self) -> Vec<Measured> {
        self.0.lock().unwrap().clone()
    }

    pub fn of(&self, name: &str) -> Vec<Measured> {
        let mut values = self.all();
        values.retain(|value| value.name == name);
        values
    }
}

impl MeterProvider for Values {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(self.clone()))
    }
}

impl InstrumentProvider for Values {
    fn f64_histogram(&self, builder: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
        Histogram::new(Arc::new(self.instrument(&builder.name)))
    }

    fn u64_histogram(&self, builder: HistogramBuilder<'_, Histogram<u64>>) -> Histogram<u64> {
        Histogram::new(Arc::new(self.instrument(&builder.name)))
    }

    fn i64_up_down_counter(
        &self,
        builder: InstrumentBuilder<'_, UpDownCounter<i64>>,
    ) -> UpDownCounter<i64> {
        UpDownCounter::new(Arc::new(self.instrument(&builder.name)))
    }
}

impl Values {
    fn instrument(&self, name: &str) -> Instrument {
        Instrument {
            name: name.to_owned(),
            values: self.clone(),
        }
    }
}

struct Instrument {
    name: String,
    values: Values,
}

impl Instrument {
    fn keep(&self, value: f64, attributes: &[KeyValue]) {
        self.values.0.lock().unwrap().push(Measured {
            name: self.name.clone(),
            value,
            labels: labels(attributes.iter()),
            span: Context::current().span().span_context().clone(),
        });
    }
}

impl SyncInstrument<f64> for Instrument {
    fn measure(&self, value: f64, attributes: &[KeyValue]) {
        self.keep(value, attributes);
    }
}

impl SyncInstrument<u64> for Instrument {
    fn measure(&self, value: u64, attributes: &[KeyValue]) {
        self.keep(value as f64, attributes);
    }
}

impl SyncInstrument<i64> for Instrument {
    fn measure(&self, value: i64, attributes: &[KeyValue]) {
        self.keep(value as f64, attributes);
    }
}
