//! The pipeline under test.

use lianlu_sdk::TracerProvider;
use lianlu_sdk::otlp::Exporter;

use crate::options::Options;
use crate::{callbacks, exporters, within};

/// Starts it, inside of a runtime if the options say so.
pub(crate) fn start(options: &Options) -> Result<TracerProvider, String> {
    let mine = options.clone();
    within::run(&options.made_in, move || build(&mine))
}

fn build(options: &Options) -> Result<TracerProvider, String> {
    let exporter = |endpoint: &str, wrapper: &str| {
        let mut exporter = Exporter::builder(options.protocol)
            .with_endpoint(endpoint)
            .with_timeout(options.timeout);
        if let Some(pem) = &options.authority {
            exporter = exporter.with_root_certificates(pem.as_str());
        }
        let exporter = exporter.build().map_err(|error| error.to_string())?;
        Ok::<_, String>(exporters::wrap(wrapper, exporter))
    };
    let mut builder = TracerProvider::builder()
        .with_exporter(exporter(&options.endpoint, &options.exporter)?)
        .with_limits(options.limits);
    if let Some(endpoint) = &options.second_endpoint {
        builder = builder.with_exporter(exporter(endpoint, &options.second_exporter)?);
    }
    if let Some(recorder) = &options.recorder {
        builder = builder.with_flight_recorder(recorder.clone());
    }
    if options.calls_back {
        builder = builder
            .with_loss_listener(callbacks::listen)
            .with_sampler(lianlu::Sampler::custom(callbacks::Records));
    }
    let provider = builder.build().map_err(|error| error.to_string())?;
    lianlu::set_tracer_provider(provider.clone());
    callbacks::set_handle(provider.handle());
    Ok(provider)
}
