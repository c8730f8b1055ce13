//! `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.

use lianlu_sdk::env::Reader;
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{
    ResourceDetector, SdkProvidedResourceDetector, TelemetryResourceDetector,
};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

use super::percent::decode;

const NAME: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// The resource. `OTEL_SERVICE_NAME` takes precedence over `OTEL_RESOURCE_ATTRIBUTES`, and these
/// over the SDK's defaults.
pub(super) fn read(reader: &mut Reader) -> Resource {
    let list = reader.text(ATTRIBUTES).unwrap_or_default();
    let mut attributes = Vec::new();
    for entry in list.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        match parse(entry) {
            Some(attribute) => attributes.push(attribute),
            None => reader.warn(
                ATTRIBUTES,
                entry,
                "not key=value with other characters percent-encoded",
                "this attribute is left out",
            ),
        }
    }
    if let Some(name) = reader.text(NAME) {
        attributes.push(KeyValue::new(SERVICE_NAME, name));
    }
    let detectors: [Box<dyn ResourceDetector>; 2] = [
        Box::new(SdkProvidedResourceDetector),
        Box::new(TelemetryResourceDetector),
    ];
    Resource::builder_empty()
        .with_detectors(&detectors)
        .with_attributes(attributes)
        .build()
}

fn parse(entry: &str) -> Option<KeyValue> {
    let (key, value) = entry.split_once('=')?;
    let key = decode(key.trim()).filter(|key| !key.is_empty())?;
    Some(KeyValue::new(key, decode(value.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_entries() {
        let good = |entry: &str| parse(entry).unwrap();
        assert_eq!(good("a=b"), KeyValue::new("a", "b"));
        assert_eq!(good(" a = b%2Cc=d "), KeyValue::new("a", "b,c=d"));
        assert_eq!(good("a="), KeyValue::new("a", ""));
        for bad in ["a", "=b", " =b", "a=%", "%=b"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
