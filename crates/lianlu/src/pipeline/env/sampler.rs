//! `OTEL_TRACES_SAMPLER` and its argument.

use opentelemetry_sdk::trace::Sampler;

use super::super::sampler::Choice;
use super::warning::Reader;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

const DEFAULT_USED: &str = "parentbased_always_on is used";

pub(super) fn read(reader: &mut Reader) -> Choice {
    let Some(text) = reader.text(SAMPLER) else {
        return default();
    };
    let lower = text.to_ascii_lowercase();
    let (name, parent_based) = match lower.strip_prefix("parentbased_") {
        Some(name) => (name, true),
        None => (lower.as_str(), false),
    };
    let sampler = match name {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(reader)),
        #[cfg(feature = "jaeger-remote-sampler")]
        "jaeger_remote" => {
            return Choice::Remote {
                remote: remote::read(reader),
                parent_based,
            };
        }
        #[cfg(not(feature = "jaeger-remote-sampler"))]
        "jaeger_remote" => {
            let problem = "this program was built without the feature `jaeger-remote-sampler`";
            reader.warn(SAMPLER, &text, problem, DEFAULT_USED);
            return default();
        }
        "xray" if !parent_based => {
            reader.warn(
                SAMPLER,
                &text,
                "AWS X-Ray's sampler is not in lianlu",
                DEFAULT_USED,
            );
            return default();
        }
        _ => {
            let problem = "not a sampler (always_on, always_off, traceidratio, jaeger_remote, each \
                           also with parentbased_ before it)";
            reader.warn(SAMPLER, &text, problem, DEFAULT_USED);
            return default();
        }
    };
    Choice::fixed(if parent_based {
        Sampler::ParentBased(Box::new(sampler))
    } else {
        sampler
    })
}

fn default() -> Choice {
    Choice::fixed(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
}

/// All, unless it says otherwise.
fn ratio(reader: &mut Reader) -> f64 {
    let Some(value) = reader.text(ARGUMENT) else {
        return 1.0;
    };
    parse_ratio(&value).unwrap_or_else(|| {
        reader.warn(ARGUMENT, &value, "a ratio is between 0 and 1", "1 is used");
        1.0
    })
}

fn parse_ratio(value: &str) -> Option<f64> {
    let ratio = value.parse().ok()?;
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}

#[cfg(feature = "jaeger-remote-sampler")]
mod remote {
    use std::time::Duration;

    use lianlu_sdk::sampling::JaegerRemote;
    use opentelemetry_sdk::trace::Sampler;

    use super::{ARGUMENT, Reader, parse_ratio};

    const DEFAULT_ENDPOINT: &str = "http://localhost:5778/sampling";

    /// `endpoint=…,pollingIntervalMs=…,initialSamplingRate=…`, in any order, each with a default.
    pub(super) fn read(reader: &mut Reader) -> JaegerRemote {
        let list = reader.text(ARGUMENT).unwrap_or_default();
        let (mut endpoint, mut interval, mut initial) = (None, None, None);
        for entry in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
            let value = value.trim();
            match key.trim() {
                "endpoint" => {
                    let asked = JaegerRemote::new(value).named(ARGUMENT);
                    match asked.check() {
                        Ok(()) => endpoint = Some(asked),
                        Err(error) => reader.refuse(error, format!("{DEFAULT_ENDPOINT} is used")),
                    }
                }
                "pollingIntervalMs" => match value.parse() {
                    Ok(millis) if millis > 0 => interval = Some(Duration::from_millis(millis)),
                    _ => {
                        let problem = "needs a whole number of milliseconds above 0";
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
