//! The JSON writer.

use lianlu_wire::otlp::{JsonError, Request, write_json};
use prost::Message;
use serde::Deserialize;
use serde_json::{Deserializer, Value as Json};

use super::{AnyValue, ExportTraceServiceRequest, KeyValue, Value, ours};
use crate::memory::within;

/// `data` as a protobuf request, written as JSON.
///
/// - Exactly the valid requests are written.
/// - `opentelemetry-proto` reads the JSON as we read the protobuf.
/// - The length of the JSON is at most a multiple of that of the protobuf.
pub fn otlp_json(data: &[u8]) {
    // An empty entity has 2 bytes, and all of its keys in JSON. The text grows by doubling.
    let longest = data.len() * 32 + 64;
    let request = Request::new(data);
    let json = match within(longest * 3, || write_json(&request)) {
        Ok(json) => json,
        Err(JsonError::Read(error)) => {
            assert_eq!(request.validate(), Err(error));
            return;
        }
        Err(error) => panic!("{error}: {error:?}"),
    };
    assert!(json.len() <= longest);
    let mut reader = Deserializer::from_slice(&json);
    // Our deepest values have more than its default limit of 128 levels.
    reader.disable_recursion_limit();
    let mut json = Json::deserialize(&mut reader).expect("JSON");
    reader.end().expect("nothing behind it");

    let mut ours = ours::request(data).expect("what was written");
    for group in &mut ours.resource_spans {
        let resource = group.resource.iter_mut();
        resource.for_each(|resource| finite_attributes(&mut resource.attributes));
        for group in &mut group.scope_spans {
            let scope = group.scope.iter_mut();
            scope.for_each(|scope| finite_attributes(&mut scope.attributes));
            for span in &mut group.spans {
                finite_attributes(&mut span.attributes);
                let events = span.events.iter_mut();
                events.for_each(|event| finite_attributes(&mut event.attributes));
                let links = span.links.iter_mut();
                links.for_each(|link| finite_attributes(&mut link.attributes));
            }
        }
    }
    finite_json(&mut json);
    let theirs: ExportTraceServiceRequest =
        serde_json::from_value(json).expect("JSON of a request");
    // Compared as bytes, since 0 and -0 are equal.
    assert_eq!(ours.encode_to_vec(), theirs.encode_to_vec());
}

/// Numbers that JSON does not have and `opentelemetry-proto` does not read, by their names in
/// protobuf's JSON mapping, and their replacements on both sides.
const NOT_IN_JSON: [(f64, &str, f64); 3] = [
    (f64::NAN, "NaN", 1e301),
    (f64::INFINITY, "Infinity", 1e302),
    (f64::NEG_INFINITY, "-Infinity", 1e303),
];

fn finite_json(json: &mut Json) {
    match json {
        Json::Array(list) => list.iter_mut().for_each(finite_json),
        Json::Object(object) => {
            if let Some(Json::String(name)) = object.get("doubleValue") {
                let found = NOT_IN_JSON.iter().find(|(_, known, _)| known == name);
                let (.., finite) = found.expect("a name of protobuf's");
                object.insert("doubleValue".to_owned(), Json::from(*finite));
            }
            object.values_mut().for_each(finite_json);
        }
        _ => {}
    }
}

fn finite_attributes(list: &mut [KeyValue]) {
    let values = list
        .iter_mut()
        .filter_map(|attribute| attribute.value.as_mut());
    values.for_each(finite);
}

fn finite(value: &mut AnyValue) {
    match &mut value.value {
        Some(Value::DoubleValue(number)) => {
            let is_it = |known: f64| known == *number || known.is_nan() && number.is_nan();
            if let Some((.., finite)) = NOT_IN_JSON.iter().find(|(known, ..)| is_it(*known)) {
                *number = *finite;
            }
        }
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(finite),
        Some(Value::KvlistValue(list)) => finite_attributes(&mut list.values),
        _ => {}
    }
}
