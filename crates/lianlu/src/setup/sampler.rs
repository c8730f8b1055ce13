//! The sampler of a pipeline, and the check of its ratio, which the SDK does not validate.

use std::any::Any;

use lianlu_sdk::OptionError;
use lianlu_sdk::env::{self, Reader};
use lianlu_sdk::sampling::Rules;
#[cfg(feature = "jaeger-remote-sampler")]
use lianlu_sdk::sampling::{JaegerRemote, RemoteSampler, RemoteSamplerError};
use opentelemetry_sdk::trace::{ParentBasedSampler, Sampler, ShouldSample};

use super::{Listener, PipelineError};

/// The sampler option, set in code or in the environment.
#[derive(Debug, Clone)]
pub(super) enum SamplerOption {
    Fixed {
        sampler: Box<dyn ShouldSample>,
        problem: Option<OptionError>,
    },
    /// Started together with the pipeline, because it needs the service name from the resource.
    #[cfg(feature = "jaeger-remote-sampler")]
    Remote {
        remote: JaegerRemote,
        parent_based: bool,
    },
}

/// A running sampler.
pub(super) struct StartedSampler {
    pub(super) sampler: Box<dyn ShouldSample>,
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(super) remote: Option<RemoteSampler>,
}

impl SamplerOption {
    pub(super) fn fixed(sampler: impl Into<Box<dyn ShouldSample>> + 'static) -> Self {
        let any: &dyn Any = &sampler;
        // Only samplers whose `Debug` output is known to contain their ratios can be checked.
        let is_known = any.is::<Sampler>() || any.is::<ParentBasedSampler>() || any.is::<Rules>();
        let sampler = sampler.into();
        let problem = is_known
            .then(|| check("with_sampler", &*sampler).err())
            .flatten();
        Self::Fixed { sampler, problem }
    }

    pub(super) fn check(&self) -> Result<(), OptionError> {
        match self {
            Self::Fixed { problem, .. } => problem.clone().map_or(Ok(()), Err),
            #[cfg(feature = "jaeger-remote-sampler")]
            Self::Remote { remote, .. } => remote.check(),
        }
    }

    #[cfg_attr(not(feature = "jaeger-remote-sampler"), allow(unused_variables))]
    pub(super) fn start(
        self,
        service: &str,
        listener: Option<Listener>,
    ) -> Result<StartedSampler, PipelineError> {
        match self {
            Self::Fixed { sampler, .. } => Ok(StartedSampler {
                sampler,
                #[cfg(feature = "jaeger-remote-sampler")]
                remote: None,
            }),
            #[cfg(feature = "jaeger-remote-sampler")]
            Self::Remote {
                remote,
                parent_based,
            } => {
                let started = match listener {
                    Some(listener) => remote.start_with(service, move |event| listener(event)),
                    None => remote.start(service),
                };
                let remote = started.map_err(|error| match error {
                    RemoteSamplerError::Option(error) => PipelineError::Option(error),
                    RemoteSamplerError::Thread(error) => {
                        lianlu_sdk::BuildError::Thread(error).into()
                    }
                    error => lianlu_sdk::BuildError::Thread(std::io::Error::other(error)).into(),
                })?;
                Ok(StartedSampler {
                    sampler: if parent_based {
                        remote.clone().parent_based().into()
                    } else {
                        remote.clone().into()
                    },
                    remote: Some(remote),
                })
            }
        }
    }
}

/// Returns an error for a ratio outside of 0 to 1, however deeply nested.
fn check(option: &'static str, sampler: &dyn ShouldSample) -> Result<(), OptionError> {
    const RATIO: &str = "TraceIdRatioBased(";
    // Nested samplers are visible only in the `Debug` output.
    let text = format!("{sampler:?}");
    for (at, _) in text.match_indices(RATIO) {
        let rest = text.get(at + RATIO.len()..).unwrap_or_default();
        let ratio = rest.split(')').next().unwrap_or_default();
        if let Ok(ratio) = ratio.parse::<f64>()
            && !(0.0..=1.0).contains(&ratio)
        {
            return Err(OptionError::new(
                option,
                ratio.to_string(),
                "a sampler's ratio must be between 0 and 1",
            ));
        }
    }
    Ok(())
}

/// Checks the sampler in the environment.
pub(super) fn check_env() -> Result<(), OptionError> {
    let mut reader = Reader::default();
    let _ = env::sampler(&mut reader);
    reader.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_ratios_outside_of_0_to_1() {
        for ratio in [0.0, 0.5, 1.0] {
            assert!(check("o", &Sampler::TraceIdRatioBased(ratio)).is_ok());
            let root = Box::new(Sampler::TraceIdRatioBased(ratio));
            assert!(check("o", &Sampler::ParentBased(root)).is_ok());
        }
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(check("o", &Sampler::TraceIdRatioBased(ratio)).is_err());
            let root = Box::new(Sampler::TraceIdRatioBased(ratio));
            let error = check("with_sampler", &Sampler::ParentBased(root)).unwrap_err();
            assert!(error.to_string().starts_with("with_sampler: "), "{error}");
        }
        assert!(check("o", &Sampler::AlwaysOn).is_ok());
    }

    #[test]
    fn checks_nested_ratios() {
        use lianlu_sdk::sampling::Spans;

        let rules = |ratio| {
            Rules::new()
                .ratio(Spans::any().name("a"), 0.5)
                .ratio(Spans::any().name("b"), ratio)
        };
        assert!(SamplerOption::fixed(rules(1.0)).check().is_ok());
        assert!(SamplerOption::fixed(rules(1.1)).check().is_err());
        assert!(
            SamplerOption::fixed(rules(1.1).parent_based())
                .check()
                .is_err()
        );
        let nested = Sampler::ParentBased(Box::new(rules(-1.0)));
        assert!(SamplerOption::fixed(nested).check().is_err());
    }
}
