//! `OTEL_TRACES_SAMPLER` and its argument.

use lianlu_sdk::env::{self, Reader};

use super::super::sampler::SamplerOption;

pub(super) fn read(reader: &mut Reader) -> SamplerOption {
    match env::sampler(reader) {
        Ok(sampler) => SamplerOption::Fixed(sampler),
        Err(name) => other(reader, &name),
    }
}

/// A sampler that is not one of the SDK's.
fn other(reader: &mut Reader, name: &str) -> SamplerOption {
    let problem = match name.to_ascii_lowercase().as_str() {
        #[cfg(feature = "jaeger-remote-sampler")]
        lower @ ("jaeger_remote" | "parentbased_jaeger_remote") => {
            return SamplerOption::Remote {
                remote: remote::read(reader),
                parent_based: lower != "jaeger_remote",
            };
        }
        #[cfg(not(feature = "jaeger-remote-sampler"))]
        "jaeger_remote" | "parentbased_jaeger_remote" => {
            "this program was built without the feature `jaeger-remote-sampler`"
        }
        "xray" => "AWS X-Ray's sampler is not in lianlu",
        _ => {
            "not a sampler (always_on, always_off, traceidratio, jaeger_remote, each also with \
             parentbased_ before it)"
        }
    };
    SamplerOption::Fixed(env::refuse_sampler(reader, name, problem))
}

#[cfg(feature = "jaeger-remote-sampler")]
mod remote {
    use std::time::Duration;

    use lianlu_sdk::env::{Reader, SAMPLER_ARGUMENT as ARGUMENT, parse_ratio};
    use lianlu_sdk::sampling::JaegerRemote;
    use lianlu_sdk::sampling::Sampler;

    const DEFAULT_ENDPOINT: &str = "http://localhost:5778/sampling";

    /// Parses `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`, in any order; each is
    /// optional.
    pub(super) fn read(reader: &mut Reader) -> JaegerRemote {
        let list = reader.text(ARGUMENT).unwrap_or_default();
        let (mut endpoint, mut interval, mut initial) = (None, None, None);
        for entry in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
            let value = value.trim();
            match key.trim() {
                "endpoint" => {
                    let remote = JaegerRemote::new(value).named(ARGUMENT);
                    match remote.check() {
                        Ok(()) => endpoint = Some(remote),
                        Err(error) => reader.refuse(error, format!("{DEFAULT_ENDPOINT} is used")),
                    }
                }
                "pollingIntervalMs" => match value.parse() {
                    Ok(millis) => interval = Some(Duration::from_millis(millis)),
                    Err(_) => {
                        let problem = "needs a whole number of milliseconds";
                        reader.warn(ARGUMENT, entry, problem, "60000 is used");
                    }
                },
                "initialSamplingRate" => match parse_ratio(value) {
                    Some(ratio) => initial = Some(ratio),
                    None => {
                        let problem = "a ratio is between 0 and 1";
                        reader.warn(ARGUMENT, entry, problem, "0.001 is used");
                    }
                },
                _ => {
                    let problem = "not one of endpoint=, pollingIntervalMs=, initialSamplingRate=";
                    reader.warn(ARGUMENT, entry, problem, "it is ignored");
                }
            }
        }
        let mut remote =
            endpoint.unwrap_or_else(|| JaegerRemote::new(DEFAULT_ENDPOINT).named(ARGUMENT));
        if let Some(interval) = interval {
            remote = remote.with_poll_interval(interval);
        }
        if let Some(ratio) = initial {
            remote = remote.with_initial_sampler(Sampler::TraceIdRatioBased(ratio));
        }
        remote
    }
}
