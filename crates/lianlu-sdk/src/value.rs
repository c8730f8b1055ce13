//! Attributes' values for formats that have fewer kinds of them.

use std::borrow::Cow;

use lianlu_wire::otlp::{AnyValue, ReadError, Resource};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

/// What OpenTelemetry calls a service that has no name.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// The resource's `service.name`.
pub(crate) fn service_name<'a>(resource: &Resource<'a>) -> Result<Cow<'a, str>, ReadError> {
    for attribute in resource.attributes() {
        let attribute = attribute?;
        if attribute.key == SERVICE_NAME {
            return text(attribute.value);
        }
    }
    Ok(UNKNOWN_SERVICE.into())
}

/// A value as text, as the API's own values are shown.
pub(crate) fn text(value: AnyValue<'_>) -> Result<Cow<'_, str>, ReadError> {
    if let AnyValue::String(text) = value {
        return Ok(text.into());
    }
    let mut out = String::new();
    push(&mut out, value)?;
    Ok(out.into())
}

fn push(out: &mut String, value: AnyValue<'_>) -> Result<(), ReadError> {
    match value {
        AnyValue::String(text) => out.push_str(text),
        AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValue::Int(value) => out.push_str(&value.to_string()),
        AnyValue::Double(value) => out.push_str(&value.to_string()),
        AnyValue::Array(array) => {
            out.push('[');
            for (at, value) in array.values().enumerate() {
                push_element(out, at, None, value?)?;
            }
            out.push(']');
        }
        AnyValue::List(list) => {
            out.push('{');
            for (at, entry) in list.values().enumerate() {
                let entry = entry?;
                push_element(out, at, Some(entry.key), entry.value)?;
            }
            out.push('}');
        }
        AnyValue::Bytes(bytes) => {
            out.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
        }
        // Nothing, or a kind that this version doesn't know.
        _ => {}
    }
    Ok(())
}

fn push_element(
    out: &mut String,
    at: usize,
    key: Option<&str>,
    value: AnyValue<'_>,
) -> Result<(), ReadError> {
    if at > 0 {
        out.push(',');
    }
    if let Some(key) = key {
        out.extend(["\"", key, "\":"]);
    }
    let quote = match value {
        AnyValue::String(_) | AnyValue::Bytes(_) => "\"",
        _ => "",
    };
    out.push_str(quote);
    push(out, value)?;
    out.push_str(quote);
    Ok(())
}

#[cfg(test)]
mod tests {
    use lianlu_wire::otlp::{AttributeOf, Span};
    use opentelemetry::{Array, Key, Value};

    use super::*;
    use crate::encode::attribute;

    /// As text, by way of OTLP.
    fn shown(value: &Value) -> String {
        let mut bytes = Vec::new();
        let key = Key::from_static_str("key");
        attribute(&mut bytes, AttributeOf::Span, &key, value, usize::MAX);
        let span = Span::parse(&bytes).unwrap();
        let attribute = span.attributes().next().unwrap().unwrap();
        text(attribute.value).unwrap().into_owned()
    }

    #[test]
    fn values_are_shown_as_the_api_shows_them() {
        for value in [
            Value::from("text \"quoted\" 链"),
            Value::from(""),
            Value::from(true),
            Value::from(-7),
            Value::from(1.0),
            Value::from(312.23),
            Value::from(f64::NAN),
            Value::from(1e300),
            Value::Array(Array::Bool(vec![true, false])),
            Value::Array(Array::I64(vec![i64::MIN, 0])),
            Value::Array(Array::F64(vec![0.5, 2.0])),
            Value::Array(Array::F64(Vec::new())),
            Value::Array(Array::String(vec!["a".into(), "b\"c".into()])),
        ] {
            assert_eq!(shown(&value), value.as_str());
        }
    }
}
