//! Values of the `opentelemetry` API as OTLP bytes.

use opentelemetry::{Array, KeyValue, Value};

use super::attributes::cut;
use super::{
    AttributeOf, Elements, EncodedAttributes, put_array, put_bool, put_double, put_int, put_str,
};

impl EncodedAttributes {
    /// Sets an attribute.
    pub fn put_key_value(&mut self, attribute: &KeyValue) {
        let key = attribute.key.as_str();
        match &attribute.value {
            Value::String(value) => self.put_str(key, value.as_str()),
            Value::I64(value) => self.put_int(key, *value),
            Value::Bool(value) => self.put_bool(key, *value),
            Value::F64(value) => self.put_double(key, *value),
            Value::Array(array) => self.put_array(key, |out, longest| fill(out, array, longest)),
            // A kind that this version of the API does not have.
            other => self.put_str(key, &other.as_str()),
        }
    }
}

/// Appends an attribute. Its texts are cut after `longest` characters.
pub fn put_value(out: &mut Vec<u8>, of: AttributeOf, key: &str, value: &Value, longest: usize) {
    match value {
        Value::Bool(value) => put_bool(out, of, key, *value),
        Value::I64(value) => put_int(out, of, key, *value),
        Value::F64(value) => put_double(out, of, key, *value),
        Value::String(value) => put_str(out, of, key, cut(value.as_str(), longest)),
        Value::Array(array) => put_array(out, of, key, |out| fill(out, array, longest)),
        // A kind that this version of the API does not have.
        other => put_str(out, of, key, cut(&other.as_str(), longest)),
    }
}

fn fill(out: &mut Elements<'_>, array: &Array, longest: usize) {
    match array {
        Array::Bool(values) => values.iter().for_each(|value| out.bool(*value)),
        Array::I64(values) => values.iter().for_each(|value| out.int(*value)),
        Array::F64(values) => values.iter().for_each(|value| out.double(*value)),
        Array::String(values) => {
            for value in values {
                out.str(cut(value.as_str(), longest));
            }
        }
        // A kind that this version of the API does not have.
        _ => {}
    }
}
