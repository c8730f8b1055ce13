//! The attributes of a span, as whoever takes them wants them.

use lianlu_wire::otlp::StaticKey;
#[cfg(feature = "pipeline")]
use lianlu_wire::otlp::{AttributeKey, AttributeOf, put_bool, put_int, put_str};
use opentelemetry::KeyValue;

use super::datum::Datum;

/// Attributes in the making.
#[derive(Debug)]
pub(crate) enum Description {
    /// Nobody wants them.
    Nothing,
    /// For a provider behind the API.
    KeyValues(Vec<KeyValue>),
    /// For one that takes OTLP as it is.
    #[cfg(feature = "pipeline")]
    Bytes(Bytes),
}

#[cfg(feature = "pipeline")]
/// Attributes of a span as OTLP: `0x4a len KeyValue` again and again.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
}

impl Description {
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Adds an attribute with a constant key.
    #[inline]
    pub(crate) fn add(&mut self, key: StaticKey, value: &Datum<'_>) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(KeyValue::new(key.as_str(), value.to_value())),
            #[cfg(feature = "pipeline")]
            Self::Bytes(bytes) => bytes.told(key, value),
        }
    }

    /// Adds an attribute with a key of the old conventions.
    pub(crate) fn add_old(&mut self, key: &'static str, value: &Datum<'_>) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(KeyValue::new(key, value.to_value())),
            #[cfg(feature = "pipeline")]
            Self::Bytes(bytes) => bytes.told(key, value),
        }
    }

    /// Adds an attribute that somebody has made.
    pub(crate) fn push(&mut self, attribute: KeyValue) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(attribute),
            #[cfg(feature = "pipeline")]
            Self::Bytes(bytes) => bytes.key_value(&attribute),
        }
    }

    pub(crate) fn extend(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        for attribute in attributes {
            self.push(attribute);
        }
    }
}

#[cfg(feature = "pipeline")]
impl Bytes {
    #[inline]
    fn told(&mut self, key: impl AttributeKey, value: &Datum<'_>) {
        let (out, of) = (&mut self.bytes, AttributeOf::Span);
        self.count += 1;
        match value {
            Datum::Fixed(text) => put_str(out, of, key, text),
            Datum::Text(text) => put_str(out, of, key, text),
            Datum::Shared(text) => put_str(out, of, key, text.as_str()),
            Datum::Int(number) => put_int(out, of, key, *number),
            Datum::Bool(flag) => put_bool(out, of, key, *flag),
        }
    }

    fn key_value(&mut self, attribute: &KeyValue) {
        self.count += 1;
        lianlu_sdk::direct::put_attribute(&mut self.bytes, attribute);
    }
}
