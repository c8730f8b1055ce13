//! Our OTLP/JSON agrees with the reader and writer of `opentelemetry-proto`.
#![cfg(feature = "otlp-json")]

use lianlu_wire::otlp::{AttributeOf, JsonError, ReadError, Request, put_double, write_json};
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value as Json, json};

use crate::common::otlp::*;

fn ours(request: &ExportTraceServiceRequest) -> Vec<u8> {
    write_json(&Request::new(&request.encode_to_vec())).unwrap()
}

/// Removes default values, which `opentelemetry-proto` writes and we omit.
fn without_defaults(json: &mut Json) {
    match json {
        Json::Array(list) => list.iter_mut().for_each(without_defaults),
        Json::Object(object) => {
            // The member of a `oneof`, and fields that are always written.
            let stays = |key: &str| {
                key.ends_with("Value")
                    || ["key", "value", "values", "resource", "scope", "status"].contains(&key)
            };
            let is_entity = object.contains_key("idKeys");
            object.values_mut().for_each(without_defaults);
            object.retain(|key, value| {
                let is_default = match &*value {
                    Json::String(text) if key.ends_with("UnixNano") => text == "0",
                    Json::String(text) => text.is_empty(),
                    Json::Array(list) => list.is_empty(),
                    other => other.is_null() || *other == json!(0),
                };
                is_entity || !is_default || stays(key) && !value.is_null()
            });
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn opentelemetry_proto_reads_ours(request in generate::request()) {
        let json = ours(&request);
        let read: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(read, request);
    }

    #[test]
    fn opentelemetry_proto_writes_the_same(request in generate::request()) {
        let mut theirs = serde_json::to_value(&request).unwrap();
        without_defaults(&mut theirs);
        let ours: Json = serde_json::from_slice(&ours(&request)).unwrap();
        prop_assert_eq!(ours, theirs);
    }
}

/// Each kind of field once, compared with exact text.
#[test]
fn exact_text() {
    let value = |value| Some(AnyValue { value: Some(value) });
    let attribute = |key: &str, kind| generate::key_value(key.to_owned(), value(kind));
    let span = Span {
        trace_id: (0x10..0x20).collect(),
        span_id: (0xf0..0xf8).collect(),
        flags: 0x301,
        name: "a \"b\"\n链".to_owned(),
        kind: 2,
        start_time_unix_nano: u64::MAX,
        attributes: vec![
            attribute("i", Value::IntValue(i64::MIN)),
            attribute("zero", Value::IntValue(0)),
            attribute("f", Value::BoolValue(false)),
            attribute("d", Value::DoubleValue(0.5)),
            attribute("nan", Value::DoubleValue(f64::NAN)),
            attribute("up", Value::DoubleValue(f64::INFINITY)),
            attribute("down", Value::DoubleValue(f64::NEG_INFINITY)),
            attribute("b", Value::BytesValue(vec![0xfb, 0xff])),
            attribute("s", Value::StringValue(String::new())),
            attribute("a", Value::ArrayValue(ArrayValue::default())),
            generate::key_value(String::new(), None),
        ],
        status: Some(Status::default()),
        ..Span::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let expected = concat!(
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"#,
        r#""traceId":"101112131415161718191a1b1c1d1e1f","spanId":"f0f1f2f3f4f5f6f7","#,
        r#""flags":769,"name":"a \"b\"\n链","kind":2,"startTimeUnixNano":"18446744073709551615","attributes":["#,
        r#"{"key":"i","value":{"intValue":"-9223372036854775808"}},"#,
        r#"{"key":"zero","value":{"intValue":"0"}},"#,
        r#"{"key":"f","value":{"boolValue":false}},"#,
        r#"{"key":"d","value":{"doubleValue":0.5}},"#,
        r#"{"key":"nan","value":{"doubleValue":"NaN"}},"#,
        r#"{"key":"up","value":{"doubleValue":"Infinity"}},"#,
        r#"{"key":"down","value":{"doubleValue":"-Infinity"}},"#,
        r#"{"key":"b","value":{"bytesValue":"+/8="}},"#,
        r#"{"key":"s","value":{"stringValue":""}},"#,
        r#"{"key":"a","value":{"arrayValue":{"values":[]}}},"#,
        r#"{"key":"","value":{}}"#,
        r#"],"status":{}}]}]}]}"#,
    );
    assert_eq!(String::from_utf8(ours(&request)).unwrap(), expected);
    assert_eq!(write_json(&Request::new(&[])).unwrap(), b"{}");
}

#[test]
fn malformed_bytes_are_an_error_with_an_offset() {
    // A double that is truncated, in a deeply nested message.
    let mut attribute = Vec::new();
    put_double(&mut attribute, AttributeOf::Span, "d", 1.0);
    let mut request = attribute;
    request[6] = 0x2a; // The value's field, now an array of 9 bytes.
    for tag in [0x12, 0x12, 0x0a] {
        request = [&[tag, request.len() as u8], &request[..]].concat();
    }
    let error = write_json(&Request::new(&request)).unwrap_err();
    assert!(
        matches!(error, JsonError::Read(ReadError::Truncated { .. })),
        "{error:?}"
    );
    assert!(
        error.to_string().starts_with("not an OTLP request: byte "),
        "{error}"
    );
}
