//! All that is ours: the layer, and the pipeline with an exporter that drops or with OTLP.

use std::time::Duration;

use lianlu_sdk::{Batch, Durability, Export, Failure, FlightRecorder, Limits, TracerProvider};
use opentelemetry::metrics::noop::NoopMeterProvider;

use super::pipeline::{Destination, Exported, Pipeline, Protocol, resource};

const TIMEOUT: Duration = Duration::from_secs(30);

/// What becomes of the calls' durations.
#[derive(Clone, Copy)]
pub(crate) enum Metrics {
    None,
    /// All is done but the recording itself.
    Noop,
    Sdk,
}

pub(crate) fn layer(metrics: Metrics, off: bool) -> lianlu::ServerLayer {
    let layer = lianlu::server();
    let layer = match metrics {
        Metrics::None => layer.with_metrics(|metrics| metrics.off()),
        Metrics::Noop => {
            lianlu::set_meter_provider(NoopMeterProvider::new());
            layer
        }
        Metrics::Sdk => layer.with_metrics(|metrics| metrics.provider(super::meters::sdk())),
    };
    if off {
        layer.with_filter(|_| false)
    } else {
        layer
    }
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
            let mut provider = TracerProvider::builder()
                .with_resource(resource())
                .with_limits(Limits::from_env().expect("the environment's limits are numbers"))
                .with_exporter(Drop(exported.clone()));
            let recorder = recorder();
            if let Some((dir, durability)) = &recorder {
                let recorder = FlightRecorder::new(dir.path()).with_durability(*durability);
                provider = provider.with_flight_recorder(recorder);
            }
            let provider = provider.build().expect("there is a thread and a folder");
            lianlu::set_tracer_provider(provider.clone());
            Box::new(Nowhere(provider, recorder))
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

/// The level of the flight recorder; without it there is none.
pub(crate) const DURABILITY: &str = "LIANLU_BENCH_DURABILITY";

type Recorder = (tempfile::TempDir, Durability);

/// In the target folder, which is on a disk.
fn recorder() -> Option<Recorder> {
    let durability = match std::env::var(DURABILITY).ok()?.as_str() {
        "memory" => Durability::Memory,
        "process-crash" => Durability::ProcessCrash,
        "power-loss" => Durability::PowerLoss,
        other => panic!("{DURABILITY}={other}"),
    };
    let program = std::env::current_exe().expect("a program has a path");
    let target = program.parent().expect("it is in a folder");
    let dir = tempfile::tempdir_in(target).expect("there is room for a folder");
    Some((dir, durability))
}

/// The folder goes last.
struct Nowhere(TracerProvider, #[allow(dead_code)] Option<Recorder>);

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
