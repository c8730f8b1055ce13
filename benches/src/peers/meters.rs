//! `opentelemetry_sdk`'s meter provider, read so seldom that only the recording counts.

use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

const LONG: Duration = Duration::from_secs(3600);

struct Drop;

impl PushMetricExporter for Drop {
    async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

pub(super) fn sdk() -> SdkMeterProvider {
    let reader = PeriodicReader::builder(Drop).with_interval(LONG).build();
    SdkMeterProvider::builder().with_reader(reader).build()
}
