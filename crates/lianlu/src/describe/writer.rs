//! A span's attributes, in the form that its provider takes.

use lianlu_wire::otlp::{AttributeBlock, EncodedAttributes, StaticKey};
use opentelemetry::KeyValue;

use super::value::AttributeValue;

/// The destination of a span's attributes.
#[derive(Debug)]
pub(crate) enum AttributeWriter<'a> {
    /// The span is not recorded.
    Nothing,
    /// The span's provider is behind the API.
    KeyValues(&'a mut Vec<KeyValue>),
    /// lianlu's own provider, which takes OTLP bytes.
    Bytes(&'a mut EncodedAttributes),
}

impl AttributeWriter<'_> {
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    #[inline]
    pub(crate) fn reborrow(&mut self) -> AttributeWriter<'_> {
        match self {
            Self::Nothing => AttributeWriter::Nothing,
            Self::KeyValues(list) => AttributeWriter::KeyValues(list),
            Self::Bytes(attributes) => AttributeWriter::Bytes(attributes),
        }
    }

    /// The number of attributes, if they are bytes.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Bytes(attributes) => attributes.len(),
            _ => 0,
        }
    }

    /// Sets an attribute of the conventions.
    #[inline]
    pub(crate) fn put(&mut self, key: StaticKey, value: &AttributeValue<'_>) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(KeyValue::new(key.as_str(), value.to_value())),
            Self::Bytes(attributes) => {
                let text = match value {
                    AttributeValue::Fixed(text) => text,
                    AttributeValue::Text(text) => text,
                    AttributeValue::Shared(text) => text.as_str(),
                    AttributeValue::Int(number) => return attributes.put_int(key, *number),
                    AttributeValue::Bool(flag) => return attributes.put_bool(key, *flag),
                };
                attributes.put_str(key, text);
            }
        }
    }

    /// Sets an attribute of the old conventions.
    pub(crate) fn put_old(&mut self, key: &'static str, value: &AttributeValue<'_>) {
        self.push(KeyValue::new(key, value.to_value()));
    }

    /// Sets an attribute.
    pub(crate) fn push(&mut self, attribute: KeyValue) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(attribute),
            Self::Bytes(attributes) => attributes.put_key_value(&attribute),
        }
    }

    /// Sets an attribute whose value is bytes. The API has no such values: other providers do not get
    /// it.
    pub(crate) fn push_bytes(&mut self, key: &'static str, value: &[u8]) {
        if let Self::Bytes(attributes) = self {
            attributes.put_bytes(key, value);
        }
    }

    /// Sets attributes.
    pub(crate) fn extend(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        for attribute in attributes {
            self.push(attribute);
        }
    }

    /// Appends encoded attributes. Returns their offset, if they are there unchanged.
    #[inline]
    pub(crate) fn append(&mut self, block: &AttributeBlock) -> Option<usize> {
        match self {
            Self::Bytes(attributes) => attributes.append(block),
            _ => None,
        }
    }

    /// Overwrites a part of what [`append`](Self::append) has appended.
    #[inline]
    pub(crate) fn overwrite(&mut self, at: usize, bytes: &[u8]) {
        if let Self::Bytes(attributes) = self {
            attributes.overwrite(at, bytes);
        }
    }
}
