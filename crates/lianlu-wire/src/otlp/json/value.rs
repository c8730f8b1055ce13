//! Attributes and their values.

use serde::{Serialize, Serializer};

use super::base64::Base64;
use super::object::{List, Object, Text};
use crate::otlp::{AnyValue, ArrayValue, KeyValue, KeyValueList};

impl Serialize for KeyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.any("key", self.key)?;
        object.any("value", &self.value)?;
        object.end()
    }
}

/// An object with one member that names the kind, or with none. A `oneof` member has no default
/// value, so it is written whenever it is set.
impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        match self {
            Self::Empty => {}
            Self::String(text) => object.any("stringValue", text)?,
            Self::Bool(value) => object.any("boolValue", value)?,
            Self::Int(number) => object.any("intValue", &Text(number))?,
            Self::Double(number) => match non_finite_name(*number) {
                Some(name) => object.any("doubleValue", name)?,
                None => object.any("doubleValue", number)?,
            },
            Self::Array(array) => object.any("arrayValue", array)?,
            Self::List(list) => object.any("kvlistValue", list)?,
            Self::Bytes(bytes) => object.any("bytesValue", &Text(Base64(bytes)))?,
        }
        object.end()
    }
}

/// JSON cannot represent these numbers; protobuf's mapping uses strings.
fn non_finite_name(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("Infinity")
    } else if number == f64::NEG_INFINITY {
        Some("-Infinity")
    } else {
        None
    }
}

impl Serialize for ArrayValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.any("values", &List(self.values()))?;
        object.end()
    }
}

impl Serialize for KeyValueList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = Object::new(serializer)?;
        object.any("values", &List(self.values()))?;
        object.end()
    }
}
