//! The pipeline under test.

use lianlu_sdk::TracerProvider;
use lianlu_sdk::otlp::Exporter;

use crate::options::Options;
use crate::{exporters, within};

/// Starts it, inside of a runtime if that is what is asked for.
pub(crate) fn start(options: &Options) -> Result<TracerProvider, String> {
    let mine = options.clone();
    within::run(&options.made_in, move || build(&mine))
}

fn build(options: &Options) -> Result<TracerProvider, String> {
    let exporter = Exporter::builder(options.protocol)
        .with_endpoint(&options.endpoint)
        .with_timeout(options.timeout)
        .build()
        .map_err(|error| error.to_string())?;
    let mut builder = TracerProvider::builder()
        .with_exporter(exporters::wrap(&options.exporter, exporter))
        .with_limits(options.limits);
    if let Some(recorder) = &options.recorder {
        builder = builder.with_flight_recorder(recorder.clone());
    }
    let provider = builder.build().map_err(|error| error.to_string())?;
    lianlu::set_tracer_provider(provider.clone());
    Ok(provider)
}
