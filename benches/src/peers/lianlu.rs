//! All that is ours: the layer, and the pipeline with an exporter that drops or with OTLP.

use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Limits, TracerProvider};
use opentelemetry::metrics::noop::NoopMeterProvider;

use super::pipeline::{Destination, Exported, Pipeline, Protocol, resource};

const TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of the calls' durations.
#[derive(Clone, Copy)]
pub(crate) enum Variant {
    NoMetrics,
    /// All is done but the recording itself.
    NoopMetrics,
    SdkMetrics,
}

pub(crate) fn layer(variant: Variant, off: bool) -> lianlu::ServerLayer {
    let layer = lianlu::server();
    let layer = match variant {
        Variant::NoMetrics => layer.without_metrics(),
        Variant::NoopMetrics => {
            lianlu::set_meter_provider(NoopMeterProvider::new());
            layer
        }
        Variant::SdkMetrics => layer.with_meter_provider(super::meters::sdk()),
    };
    layer.with_enabled(!off)
}

struct Drop(Exported);

impl Export for Drop {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.add(batch.len());
        Ok(())
    }
}

pub(super) fn install(destination: &Destination, exported: &Exported) -> Box<dyn Pipeline> {
    match destination {
        Destination::Nowhere => {
            let provider = TracerProvider::builder()
                .with_resource(resource())
                .with_limits(Limits::from_env().expect("the environment's limits are numbers"))
                .with_exporter(Drop(exported.clone()))
                .build()
                .expect("there is a thread");
            lianlu::set_tracer_provider(provider.clone());
            Box::new(Nowhere(provider))
        }
        Destination::Otlp(protocol, endpoint) => {
            let protocol = match protocol {
                Protocol::Grpc => lianlu::otlp::Protocol::Grpc,
                Protocol::Http => lianlu::otlp::Protocol::HttpProtobuf,
            };
            let guard = lianlu::otlp::pipeline()
                .with_endpoint(endpoint)
                .with_protocol(protocol)
                .with_resource(resource())
                .install()
                .expect("the pipeline's options are right");
            Box::new(Otlp(guard))
        }
    }
}

struct Nowhere(TracerProvider);

impl Pipeline for Nowhere {
    fn flush(&self) {
        self.0.flush(TIMEOUT).expect("all is exported in time");
    }
}

struct Otlp(lianlu::Guard);

impl Pipeline for Otlp {
    fn flush(&self) {
        // What was lost is missed where it should have arrived.
        let _ = self.0.flush_timeout(TIMEOUT);
    }

    fn shutdown(self: Box<Self>) {
        let _ = self.0.shutdown_timeout(TIMEOUT);
    }
}
