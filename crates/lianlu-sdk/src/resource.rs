//! The resource, as the exporters of older formats need it.

use opentelemetry::{Key, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

/// What OpenTelemetry calls a service that has no name.
const UNKNOWN_SERVICE: &str = "unknown_service";

pub(crate) fn service_name(resource: &Resource) -> String {
    resource
        .get(&Key::from_static_str(SERVICE_NAME))
        .map_or_else(|| UNKNOWN_SERVICE.to_owned(), |name| name.to_string())
}

/// Everything but the service's name, sorted by key.
#[cfg(feature = "jaeger")]
pub(crate) fn other_attributes(resource: &Resource) -> Vec<(Key, Value)> {
    let mut attributes: Vec<_> = resource
        .iter()
        .filter(|(key, _)| key.as_str() != SERVICE_NAME)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    attributes.sort_by(|(a, _), (b, _)| a.cmp(b));
    attributes
}
