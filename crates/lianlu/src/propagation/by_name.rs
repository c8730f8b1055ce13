//! Propagators by the names that OpenTelemetry gives them.

use std::sync::Once;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};

use super::{B3, Baggage, Jaeger, ServiceName, TraceContext, XRay};
use crate::warning::warn;

const VARIABLE: &str = "OTEL_PROPAGATORS";

type Propagators = Vec<Box<dyn TextMapPropagator + Send + Sync>>;

/// A name that stands for no propagator.
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

/// The propagators of these names as one.
///
/// | name | propagator |
/// |---|---|
/// | `tracecontext` | [`TraceContext`] |
/// | `baggage` | [`Baggage`] |
/// | `b3`, `b3multi` | [`B3::new`], [`B3::multi`] |
/// | `jaeger` | [`Jaeger`] |
/// | `xray` | [`XRay`] |
/// | `servicename` | [`ServiceName::from_pipeline`] |
/// | `none` | nothing |
///
/// Names are read in either case, and once each. All of them write. Each reads in the order given, and
/// of several traces the last one counts; a header that is absent or malformed takes nothing away from
/// what was read before.
///
/// # Errors
///
/// [`UnknownPropagator`] for another name.
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

/// The propagators that the variable `OTEL_PROPAGATORS` lists, with commas between them, as
/// [OpenTelemetry] has it; `None` when it is not set or empty. The names are those of [`from_names`].
///
/// An unknown name is said once on standard error, and the others are used.
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

/// As [`from_env`], with another propagator for `servicename`.
pub(super) fn from_env_for(service_name: &ServiceName) -> Option<TextMapCompositePropagator> {
    static SAID: Once = Once::new();

    let list = std::env::var_os(VARIABLE)?;
    // What is not UTF-8 is then in an unknown name.
    let list = list.to_string_lossy();
    if list.trim().is_empty() {
        return None;
    }
    let (propagators, unknown) = by_name(list.split(','), service_name);
    if !unknown.is_empty() {
        SAID.call_once(|| {
            for unknown in &unknown {
                warn(&format!(
                    "{VARIABLE}: {unknown}; the others in the list are used"
                ));
            }
        });
    }
    Some(TextMapCompositePropagator::new(propagators))
}

/// The propagators, and the names that stand for none.
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
    (propagators, unknown)
}

#[cfg(test)]
#[path = "by_name_tests.rs"]
mod tests;
