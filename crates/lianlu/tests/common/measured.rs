//! The metrics of `spans/unsampled_calls_are_not_described.rs`. All others use `metrics.rs`.

use std::collections::BTreeMap;
use std::time::Instant;

use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

use super::PATIENCE;

/// A meter provider and what it has measured.
#[derive(Debug, Clone)]
pub struct Measured {
    pub provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Default for Measured {
    fn default() -> Self {
        let exporter = InMemoryMetricExporter::default();
        Self {
            provider: SdkMeterProvider::builder()
                .with_periodic_exporter(exporter.clone())
                .build(),
            exporter,
        }
    }
}

/// One series of a histogram.
#[derive(Debug, Clone)]
pub struct Series {
    pub count: u64,
    pub sum: f64,
    pub labels: BTreeMap<String, String>,
}

impl Measured {
    /// The series of a histogram as they are now.
    pub fn now(&self, name: &str) -> Vec<Series> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let mut found = Vec::new();
        for resource in self.exporter.get_finished_metrics().unwrap() {
            for scope in resource.scope_metrics() {
                let metrics = scope.metrics().filter(|metric| metric.name() == name);
                for metric in metrics {
                    match metric.data() {
                        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                            found.extend(histogram.data_points().map(|point| Series {
                                count: point.count(),
                                sum: point.sum(),
                                labels: labels(point.attributes()),
                            }));
                        }
                        other => panic!("{name} is no histogram of floats: {other:?}"),
                    }
                }
            }
        }
        found
    }

    /// Waits until `count` calls are measured. Metrics are recorded a moment after the span has
    /// ended.
    pub async fn of(&self, name: &str, count: u64) -> Vec<Series> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let series = self.now(name);
            let counted: u64 = series.iter().map(|series| series.count).sum();
            if counted >= count {
                assert_eq!(counted, count, "{series:#?}");
                return series;
            }
            assert!(Instant::now() < give_up, "waited for {count}: {series:#?}");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

fn labels<'a>(
    attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>,
) -> BTreeMap<String, String> {
    attributes
        .map(|label| (label.key.to_string(), label.value.to_string()))
        .collect()
}
