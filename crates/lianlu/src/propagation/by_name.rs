//! Propagators by their OpenTelemetry names.

use std::sync::Once;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};

use super::baggage::EndOfList;
use super::{B3, Baggage, Jaeger, ServiceName, TraceContext, XRay};
use crate::variables::variable;
use crate::warning::warn;

const VARIABLE: &str = "OTEL_PROPAGATORS";

type Propagators = Vec<Box<dyn TextMapPropagator + Send + Sync>>;

/// The error for an unknown propagator name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no propagator \"{name}\", only tracecontext, baggage, b3, b3multi, jaeger, xray, servicename and none"
)]
pub struct UnknownPropagator {
    name: String,
}

impl UnknownPropagator {
    /// The name, as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Combines the propagators with these names.
///
/// | name | propagator |
/// |---|---|
/// | `tracecontext` | [`TraceContext`] |
/// | `baggage` | [`Baggage`] |
/// | `b3`, `b3multi` | [`B3::new`], [`B3::multi`] |
/// | `jaeger` | [`Jaeger`] |
/// | `xray` | [`XRay`] |
/// | `servicename` | [`ServiceName::from_pipeline`] |
/// | `none` | none |
///
/// Names are case-insensitive, and duplicates are ignored. All propagators inject. They extract in
/// the given order, and the last valid trace wins; an absent or malformed header does not remove
/// what an earlier propagator extracted.
///
/// # Errors
///
/// [`UnknownPropagator`] for any other name.
///
/// ```
/// let propagator = lianlu::propagation::from_names(["tracecontext", "baggage", "b3"])?;
/// let layer = lianlu::client().with_propagator(propagator);
/// # let _ = layer;
/// assert!(lianlu::propagation::from_names(["b4"]).is_err());
/// # Ok::<(), lianlu::propagation::UnknownPropagator>(())
/// ```
pub fn from_names<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<TextMapCompositePropagator, UnknownPropagator> {
    let (propagators, unknown) = by_name(names, &ServiceName::from_pipeline());
    match unknown.into_iter().next() {
        Some(unknown) => Err(unknown),
        None => Ok(TextMapCompositePropagator::new(propagators)),
    }
}

/// Combines the propagators in the comma-separated variable `OTEL_PROPAGATORS`, as [OpenTelemetry]
/// specifies it; `None` if it is not set or empty. For the names see [`from_names`].
///
/// Unknown names are ignored, with one warning on standard error.
///
/// [OpenTelemetry]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
///
/// ```
/// let propagator = lianlu::propagation::from_env();
/// # let _ = propagator;
/// ```
#[must_use]
pub fn from_env() -> Option<TextMapCompositePropagator> {
    from_env_for(&ServiceName::from_pipeline())
}

/// Like [`from_env`], with this propagator for `servicename`.
pub(super) fn from_env_for(service_name: &ServiceName) -> Option<TextMapCompositePropagator> {
    static WARNED: Once = Once::new();

    let list = variable(VARIABLE)?;
    if list.trim().is_empty() {
        return None;
    }
    let (propagators, unknown) = by_name(list.split(','), service_name);
    if !unknown.is_empty() {
        WARNED.call_once(|| {
            for unknown in &unknown {
                warn(&format!(
                    "{VARIABLE}: {unknown}; the others in the list are used"
                ));
            }
        });
    }
    Some(TextMapCompositePropagator::new(propagators))
}

/// The propagators with these names, and an error for each unknown name.
fn by_name<'a>(
    names: impl IntoIterator<Item = &'a str>,
    service_name: &ServiceName,
) -> (Propagators, Vec<UnknownPropagator>) {
    let mut propagators: Propagators = Vec::new();
    let mut unknown = Vec::new();
    let mut seen = Vec::new();
    for name in names {
        let lower = name.trim().to_ascii_lowercase();
        if lower.is_empty() || seen.contains(&lower) {
            continue;
        }
        match lower.as_str() {
            "tracecontext" => propagators.push(Box::new(TraceContext::new())),
            "baggage" => propagators.push(Box::new(Baggage::new())),
            "b3" => propagators.push(Box::new(B3::new())),
            "b3multi" => propagators.push(Box::new(B3::multi())),
            "jaeger" => propagators.push(Box::new(Jaeger::new())),
            "xray" => propagators.push(Box::new(XRay::new())),
            "servicename" => propagators.push(Box::new(service_name.clone())),
            "none" => {}
            _ => unknown.push(UnknownPropagator {
                name: name.trim().to_owned(),
            }),
        }
        seen.push(lower);
    }
    if seen.iter().any(|name| name == "jaeger") {
        propagators.push(Box::new(EndOfList));
    }
    (propagators, unknown)
}

#[cfg(test)]
#[path = "by_name_tests.rs"]
mod tests;
