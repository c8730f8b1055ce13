//! The resource that spans come from: what the SDK adds to it, and [detectors](Detector) of the
//! surroundings.
//!
//! Follows <https://opentelemetry.io/docs/specs/semconv/resource/>.

mod detector;

use std::sync::LazyLock;

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use opentelemetry_semantic_conventions::resource::{
    SERVICE_INSTANCE_ID, TELEMETRY_DISTRO_NAME, TELEMETRY_DISTRO_VERSION, TELEMETRY_SDK_LANGUAGE,
    TELEMETRY_SDK_NAME, TELEMETRY_SDK_VERSION,
};

pub use detector::{Detector, detect};

const NAME: &str = "lianlu";
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The name that only OpenTelemetry's own SDKs may have.
const RESERVED: &str = "opentelemetry";

/// A UUID of version 4, the same for all providers of the process.
static INSTANCE: LazyLock<String> = LazyLock::new(|| {
    let random = RandomIdGenerator::default().new_trace_id().to_bytes();
    let id = u128::from_be_bytes(random) & !(0xf << 76) | 4 << 76;
    let id = format!("{:032x}", id & !(0b11 << 62) | 0b10 << 62);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    let groups = groups.map(|group| id.get(group).unwrap_or_default());
    groups.join("-")
});

/// The resource of a provider of this crate: with `telemetry.sdk.*`, and with a
/// `service.instance.id` if it has none.
pub(crate) fn of_provider(resource: &Resource) -> Resource {
    let own = resource.get_ref(&Key::from_static_str(TELEMETRY_SDK_NAME));
    let mut added = Vec::new();
    if own.is_none_or(|name| name.as_str() == RESERVED) {
        added = vec![
            KeyValue::new(TELEMETRY_SDK_NAME, NAME),
            KeyValue::new(TELEMETRY_SDK_VERSION, VERSION),
            KeyValue::new(TELEMETRY_SDK_LANGUAGE, "rust"),
        ];
    }
    let instance = Key::from_static_str(SERVICE_INSTANCE_ID);
    if resource.get_ref(&instance).is_none() {
        added.push(KeyValue::new(instance, INSTANCE.as_str()));
    }
    merge(resource, added)
}

/// The resource of a provider of `opentelemetry_sdk` that exports through this crate.
pub(crate) fn of_distro(resource: &Resource) -> Resource {
    let distro = Key::from_static_str(TELEMETRY_DISTRO_NAME);
    if resource.get_ref(&distro).is_some() {
        return resource.clone();
    }
    let added = vec![
        KeyValue::new(distro, NAME),
        KeyValue::new(TELEMETRY_DISTRO_VERSION, VERSION),
    ];
    merge(resource, added)
}

/// `resource` with these attributes, which replace its own.
fn merge(resource: &Resource, attributes: Vec<KeyValue>) -> Resource {
    let own = resource.iter();
    let own = own.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let url = resource.schema_url().unwrap_or_default().to_owned();
    Resource::builder_empty()
        .with_schema_url(own, url)
        .with_attributes(attributes)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(resource: &Resource, key: &'static str) -> Option<String> {
        let value = resource.get_ref(&Key::from_static_str(key))?;
        Some(value.to_string())
    }

    #[test]
    fn names_this_sdk_and_keeps_what_users_say() {
        let theirs = of_provider(&Resource::builder().build());
        let empty = of_provider(&Resource::builder_empty().build());
        for resource in [&theirs, &empty] {
            assert_eq!(text(resource, TELEMETRY_SDK_NAME).unwrap(), "lianlu");
            assert_eq!(text(resource, TELEMETRY_SDK_VERSION).unwrap(), VERSION);
            assert_eq!(text(resource, TELEMETRY_SDK_LANGUAGE).unwrap(), "rust");
            assert_eq!(text(resource, TELEMETRY_DISTRO_NAME), None);
        }
        let own = [
            KeyValue::new(TELEMETRY_SDK_NAME, "shop"),
            KeyValue::new(SERVICE_INSTANCE_ID, "7"),
        ];
        let own = Resource::builder_empty().with_schema_url(own, "https://a/1");
        let own = of_provider(&own.build());
        assert_eq!(text(&own, TELEMETRY_SDK_NAME).unwrap(), "shop");
        assert_eq!(text(&own, SERVICE_INSTANCE_ID).unwrap(), "7");
        assert_eq!(own.schema_url(), Some("https://a/1"));
    }

    #[test]
    fn is_a_distribution_on_the_sdk() {
        let resource = of_distro(&Resource::builder().build());
        assert_eq!(text(&resource, TELEMETRY_SDK_NAME).unwrap(), RESERVED);
        assert_eq!(text(&resource, TELEMETRY_DISTRO_NAME).unwrap(), "lianlu");
        let own = KeyValue::new(TELEMETRY_DISTRO_NAME, "shop");
        let own = of_distro(&Resource::builder().with_attribute(own).build());
        assert_eq!(text(&own, TELEMETRY_DISTRO_NAME).unwrap(), "shop");
        assert_eq!(text(&own, TELEMETRY_DISTRO_VERSION), None);
    }

    #[test]
    fn the_instance_is_a_random_uuid() {
        let of = || {
            text(
                &of_provider(&Resource::builder().build()),
                SERVICE_INSTANCE_ID,
            )
            .unwrap()
        };
        let id = of();
        let parts: Vec<_> = id.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
        assert!(parts[2].starts_with('4'), "{id}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        assert_eq!(of(), id);
    }
}
