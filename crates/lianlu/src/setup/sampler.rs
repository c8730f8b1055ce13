//! The sampler of a pipeline.

use lianlu_sdk::OptionError;
use lianlu_sdk::sampling::Sampler;
#[cfg(feature = "jaeger-remote-sampler")]
use lianlu_sdk::sampling::{JaegerRemote, RemoteSampler, RemoteSamplerError};

use super::{Listener, PipelineError};

/// The sampler option, set in code or in the environment.
#[derive(Debug, Clone)]
pub(super) enum SamplerOption {
    Fixed(Sampler),
    /// Started together with the pipeline, because it needs the service name from the resource.
    #[cfg(feature = "jaeger-remote-sampler")]
    Remote {
        remote: JaegerRemote,
        parent_based: bool,
    },
}

/// A running sampler.
pub(super) struct StartedSampler {
    pub(super) sampler: Sampler,
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(super) remote: Option<RemoteSampler>,
}

impl SamplerOption {
    pub(super) fn check(&self) -> Result<(), OptionError> {
        match self {
            Self::Fixed(sampler) => match sampler.invalid_ratio() {
                Some(ratio) => Err(OptionError::new(
                    "with_sampler",
                    ratio.to_string(),
                    "a sampler's ratio must be between 0 and 1",
                )),
                None => Ok(()),
            },
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
            Self::Fixed(sampler) => Ok(StartedSampler {
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
                        remote.clone().parent_based()
                    } else {
                        remote.clone().into()
                    },
                    remote: Some(remote),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_ratios_outside_of_0_to_1() {
        for ratio in [0.0, 0.5, 1.0] {
            let sampler = Sampler::TraceIdRatioBased(ratio);
            assert!(SamplerOption::Fixed(sampler).check().is_ok());
        }
        for ratio in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            let sampler = Sampler::TraceIdRatioBased(ratio).parent_based();
            let error = SamplerOption::Fixed(sampler).check().unwrap_err();
            assert!(error.to_string().starts_with("with_sampler: "), "{error}");
        }
    }
}
