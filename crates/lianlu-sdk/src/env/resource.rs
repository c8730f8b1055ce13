//! `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.

use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

use super::Reader;
use super::percent::decode;

const NAME: &str = "OTEL_SERVICE_NAME";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// The resource of the environment. `OTEL_SERVICE_NAME` takes precedence over
/// `OTEL_RESOURCE_ATTRIBUTES`, and these over the SDK's defaults. With one malformed entry the
/// variable is ignored as a whole, by the
/// [specification](https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable).
#[must_use]
pub fn resource(reader: &mut Reader) -> Resource {
    let mut attributes = attributes(reader);
    let name = reader.text(NAME);
    let is_named = name.is_some() || attributes.iter().any(|it| it.key.as_str() == SERVICE_NAME);
    attributes.extend(name.map(|name| KeyValue::new(SERVICE_NAME, name)));
    let mut builder = Resource::builder_empty().with_detector(Box::new(TelemetryResourceDetector));
    if !is_named {
        builder = builder.with_attribute(KeyValue::new(SERVICE_NAME, unknown_service()));
    }
    builder.with_attributes(attributes).build()
}

/// A resource made in code. `Resource::builder()` of the SDK reads the variable without decoding
/// it, and takes the rest if an entry is malformed: such attributes become what [`resource`] reads.
///
/// A service's name stays unless only the variable can have given it: one that needs no decoding
/// may be set in code, and `OTEL_SERVICE_NAME` takes precedence. Not for a resource that was
/// decoded before: what it has is no longer as the variable has it.
#[must_use]
pub fn decode_resource(reader: &mut Reader, made: Resource) -> Resource {
    let raw = reader.text(ATTRIBUTES).unwrap_or_default();
    let entries = raw.split(',').filter_map(|entry| entry.split_once('='));
    let entries = entries.map(|(key, value)| (key.trim(), value.trim()));
    let is_in = |(key, value): &(&str, &str)| {
        let found = made.get_ref(&Key::from((*key).to_owned()));
        found.is_some_and(|found| found.as_str() == *value)
    };
    let mut undecoded: Vec<_> = entries.filter(is_in).collect();
    if undecoded.is_empty() {
        return made;
    }
    let is_malformed = attributes(reader).is_empty();
    let is_named = reader.text(NAME).is_some();
    let is_plain = |value: &str| decode(value).as_deref() == Some(value);
    undecoded.retain(|(key, value)| *key != SERVICE_NAME || !is_named && !is_plain(value));
    let is_undecoded = |key: &Key| undecoded.iter().any(|(raw, _)| *raw == key.as_str());
    let own = made.iter().filter(|(key, _)| !is_undecoded(key));
    let mut all = own
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()))
        .collect::<Vec<_>>();
    if !is_malformed {
        let decoded = undecoded.into_iter();
        all.extend(
            decoded.filter_map(|(key, value)| Some(KeyValue::new(decode(key)?, decode(value)?))),
        );
    }
    if !all.iter().any(|it| it.key.as_str() == SERVICE_NAME) {
        all.push(KeyValue::new(SERVICE_NAME, unknown_service()));
    }
    let url = made.schema_url().unwrap_or_default().to_owned();
    Resource::builder_empty().with_schema_url(all, url).build()
}

/// The SDK's name for a service without one, whatever the variables say.
#[must_use]
pub fn unknown_service() -> String {
    let program = std::env::current_exe().ok();
    match program.as_ref().and_then(|path| path.file_name()?.to_str()) {
        Some(name) => format!("unknown_service:{name}"),
        None => "unknown_service".to_owned(),
    }
}

/// The entries of the variable; none if one of them is malformed.
fn attributes(reader: &mut Reader) -> Vec<KeyValue> {
    let list = reader.text(ATTRIBUTES).unwrap_or_default();
    let entries = list.split(',').map(str::trim).filter(|it| !it.is_empty());
    let mut attributes = Vec::new();
    for entry in entries {
        let Some(attribute) = parse(entry) else {
            let problem = "not key=value with other characters percent-encoded";
            reader.warn(ATTRIBUTES, entry, problem, "the whole variable is ignored");
            return Vec::new();
        };
        attributes.push(attribute);
    }
    attributes
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
