//! Reads `OTEL_TRACES_SAMPLER` and its argument.

use super::Reader;
use crate::sampling::Sampler;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";

/// The variable for the sampler's argument.
pub const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The configured sampler of the SDK; parent-based with all root spans sampled by default.
///
/// # Errors
///
/// The name of a sampler that the SDK does not have. See [`refuse_sampler`].
pub fn sampler(reader: &mut Reader) -> Result<Sampler, String> {
    let Some(text) = reader.text(SAMPLER) else {
        return Ok(default());
    };
    let lower = text.to_ascii_lowercase();
    let (name, is_parent_based) = match lower.strip_prefix("parentbased_") {
        Some(name) => (name, true),
        None => (lower.as_str(), false),
    };
    let sampler = match name {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(reader)),
        _ => return Err(text),
    };
    Ok(match is_parent_based {
        true => Sampler::ParentBased(Box::new(sampler)),
        false => sampler,
    })
}

/// Adds a warning about an unavailable sampler and returns the default.
pub fn refuse_sampler(reader: &mut Reader, name: &str, problem: &str) -> Sampler {
    reader.warn(SAMPLER, name, problem, "parentbased_always_on is used");
    default()
}

fn default() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
}

/// 1 by default.
fn ratio(reader: &mut Reader) -> f64 {
    let Some(value) = reader.text(SAMPLER_ARGUMENT) else {
        return 1.0;
    };
    parse_ratio(&value).unwrap_or_else(|| {
        let problem = "a ratio is between 0 and 1";
        reader.warn(SAMPLER_ARGUMENT, &value, problem, "1 is used");
        1.0
    })
}

/// Parses a ratio between 0 and 1.
#[must_use]
pub fn parse_ratio(value: &str) -> Option<f64> {
    let ratio = value.parse().ok()?;
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}
