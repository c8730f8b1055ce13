//! Converts attribute values for formats with fewer types.

use std::borrow::Cow;

use lianlu_wire::otlp::{AnyValue, KeyValue, ReadError, Resource};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

/// OpenTelemetry's default for a service without a name.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// The key of a count of dropped attributes.
pub(crate) const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";

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

/// A value as text: strings unchanged, lists as JSON.
pub(crate) fn text(value: AnyValue<'_>) -> Result<Cow<'_, str>, ReadError> {
    Ok(match value {
        AnyValue::String(text) => text.into(),
        AnyValue::Double(value) => number(value).into(),
        AnyValue::Bytes(bytes) => hex(bytes).into(),
        AnyValue::Bool(_) | AnyValue::Int(_) | AnyValue::Array(_) | AnyValue::List(_) => {
            let mut out = String::new();
            push_json(&mut out, value)?;
            out.into()
        }
        // No value, or an unknown kind.
        _ => "".into(),
    })
}

fn push_json(out: &mut String, value: AnyValue<'_>) -> Result<(), ReadError> {
    match value {
        AnyValue::String(text) => push_json_text(out, text),
        AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValue::Int(value) => out.push_str(&value.to_string()),
        AnyValue::Double(value) if value.is_finite() => out.push_str(&number(value)),
        // Not representable as JSON numbers.
        AnyValue::Double(value) => push_json_text(out, &number(value)),
        AnyValue::Array(array) => {
            out.push('[');
            for (at, value) in array.values().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                push_json(out, value?)?;
            }
            out.push(']');
        }
        AnyValue::List(list) => push_json_object(out, list.values(), 0)?,
        AnyValue::Bytes(bytes) => push_json_text(out, &hex(bytes)),
        _ => out.push_str("null"),
    }
    Ok(())
}

/// Attributes as a JSON object. Dropped ones are counted in it.
pub(crate) fn push_json_object<'a>(
    out: &mut String,
    attributes: impl Iterator<Item = Result<KeyValue<'a>, ReadError>>,
    dropped: u32,
) -> Result<(), ReadError> {
    out.push('{');
    let attributes = attributes.map(|attribute| attribute.map(|it| (it.key, it.value)));
    let dropped = (dropped > 0).then(|| Ok((DROPPED_ATTRIBUTES, AnyValue::Int(dropped.into()))));
    for (at, attribute) in attributes.chain(dropped).enumerate() {
        let (key, value) = attribute?;
        if at > 0 {
            out.push(',');
        }
        push_json_text(out, key);
        out.push(':');
        push_json(out, value)?;
    }
    out.push('}');
    Ok(())
}

/// A JSON string, with its quotes.
pub(crate) fn push_json_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// A number, with OpenTelemetry's names for the non-finite ones.
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => value.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use lianlu_wire::otlp::{AttributeOf, Span, put_value};
    use opentelemetry::{Array, Value};

    use super::*;

    /// The text of a value, encoded as OTLP and back.
    fn shown(value: &Value) -> String {
        let mut bytes = Vec::new();
        put_value(&mut bytes, AttributeOf::Span, "key", value, usize::MAX);
        let span = Span::parse(&bytes).unwrap();
        let attribute = span.attributes().next().unwrap().unwrap();
        text(attribute.value).unwrap().into_owned()
    }

    #[test]
    fn single_values_have_the_text_of_the_api() {
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
        ] {
            assert_eq!(shown(&value), value.as_str());
        }
        assert_eq!(shown(&Value::from(f64::INFINITY)), "Infinity");
        assert_eq!(shown(&Value::from(f64::NEG_INFINITY)), "-Infinity");
    }

    #[test]
    fn arrays_become_json() {
        let texts = ["a", "b\"c", "d\\", "e\nf\r\t\u{0}\u{1b}", "链\u{7f}"];
        let texts = Array::String(texts.map(Into::into).to_vec());
        let wanted = r#"["a","b\"c","d\\","e\nf\r\t\u0000\u001b","链"#;
        assert_eq!(shown(&Value::Array(texts)), format!("{wanted}\u{7f}\"]"));
        let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5, -0.0];
        let wanted = r#"["NaN","Infinity","-Infinity",1.5,-0]"#;
        assert_eq!(shown(&Value::Array(Array::F64(floats.to_vec()))), wanted);
    }
}
