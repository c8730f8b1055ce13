//! The resource, as the exporters of older formats need it.

use opentelemetry::Key;
use opentelemetry_sdk::Resource;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

/// What OpenTelemetry calls a service that has no name.
const UNKNOWN_SERVICE: &str = "unknown_service";

pub(crate) fn service_name(resource: &Resource) -> String {
    resource
        .get(&Key::from_static_str(SERVICE_NAME))
        .map_or_else(|| UNKNOWN_SERVICE.to_owned(), |name| name.to_string())
}
