//! `OTEL_TRACES_SAMPLER` and its argument.

use super::Reader;
use crate::sampling::Sampler;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";

/// The variable of what the sampler is told.
pub const SAMPLER_ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The sampler of the SDK's that is asked for: as the parent did, and all roots, by default.
///
/// # Errors
///
/// With the name of one that is not the SDK's. See [`refuse_sampler`].
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

/// Warns of a sampler that can't be had, and gives the default.
pub fn refuse_sampler(reader: &mut Reader, name: &str, problem: &str) -> Sampler {
    reader.warn(SAMPLER, name, problem, "parentbased_always_on is used");
    default()
}

fn default() -> Sampler {
    Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
}

/// All, unless it says otherwise.
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

/// A ratio between 0 and 1.
#[must_use]
pub fn parse_ratio(value: &str) -> Option<f64> {
    let ratio = value.parse().ok()?;
    (0.0..=1.0).contains(&ratio).then_some(ratio)
}
