//! Checks a sampler's ratio, which the SDK takes as it comes.

use lianlu_sdk::OptionError;
use opentelemetry_sdk::trace::Sampler;

/// Refuses a ratio outside of 0 to 1, also as the root of a parent-based sampler.
pub(super) fn check(option: &'static str, sampler: &Sampler) -> Result<(), OptionError> {
    let ratio = match sampler {
        Sampler::TraceIdRatioBased(ratio) => Some(*ratio),
        // The root is opaque but for its debug text, which is the variant's for the SDK's own.
        Sampler::ParentBased(root) => format!("{root:?}")
            .strip_prefix("TraceIdRatioBased(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|ratio| ratio.parse().ok()),
        _ => None,
    };
    match ratio {
        Some(ratio) if !(0.0..=1.0).contains(&ratio) => Err(OptionError::new(
            option,
            ratio.to_string(),
            "a sampler's ratio is between 0 and 1",
        )),
        _ => Ok(()),
    }
}

/// Refuses the same in the environment, where the SDK would take another sampler without a word to the
/// program.
pub(super) fn check_env() -> Result<(), OptionError> {
    const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let by_ratio = std::env::var(SAMPLER).is_ok_and(|name| name.contains("traceidratio"));
    let Some(value) = std::env::var(ARGUMENT).ok().filter(|_| by_ratio) else {
        return Ok(());
    };
    match value.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
        _ => Err(OptionError::new(
            ARGUMENT,
            value,
            "a sampler's ratio is between 0 and 1",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios() {
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
}
