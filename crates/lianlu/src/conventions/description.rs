//! The attributes of a span, as whoever takes them wants them.

#[cfg(feature = "pipeline")]
use lianlu_sdk::direct::{Ending, put_attribute};
use lianlu_wire::otlp::StaticKey;
#[cfg(feature = "pipeline")]
use lianlu_wire::otlp::{
    AttributeKey, AttributeOf, Attributes, find_attribute, put_bool, put_int, put_str,
};
use opentelemetry::KeyValue;

#[cfg(feature = "pipeline")]
use super::count;
use super::datum::Datum;

/// Where attributes go.
#[derive(Debug)]
pub(crate) enum Description<'a> {
    /// Nobody wants them.
    Nothing,
    /// For a provider behind the API.
    KeyValues(&'a mut Vec<KeyValue>),
    /// For one that takes OTLP as it is.
    #[cfg(feature = "pipeline")]
    Bytes(&'a mut Ending),
}

impl Description<'_> {
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// How many bytes and attributes are there, where they are bytes.
    #[cfg(feature = "pipeline")]
    pub(crate) fn written(&self) -> (usize, u32) {
        match self {
            Self::Bytes(ending) => (ending.attributes.len(), ending.count),
            _ => (0, 0),
        }
    }

    /// The same place, for somebody who wants one of his own.
    #[inline]
    pub(crate) fn again(&mut self) -> Description<'_> {
        match self {
            Self::Nothing => Description::Nothing,
            Self::KeyValues(list) => Description::KeyValues(list),
            #[cfg(feature = "pipeline")]
            Self::Bytes(ending) => Description::Bytes(ending),
        }
    }

    /// Adds an attribute with a constant key.
    #[inline]
    pub(crate) fn add(&mut self, key: StaticKey, value: &Datum<'_>) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(KeyValue::new(key.as_str(), value.to_value())),
            #[cfg(feature = "pipeline")]
            Self::Bytes(ending) => {
                look_for(ending, key.as_str());
                put(ending, key, value);
            }
        }
    }

    /// Adds an attribute with a key of the old conventions.
    pub(crate) fn add_old(&mut self, key: &'static str, value: &Datum<'_>) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(KeyValue::new(key, value.to_value())),
            #[cfg(feature = "pipeline")]
            Self::Bytes(ending) => {
                look_for(ending, key);
                put(ending, key, value);
            }
        }
    }

    /// Adds an attribute of a header's, whose key nobody else has.
    pub(crate) fn push(&mut self, attribute: KeyValue) {
        match self {
            Self::Nothing => {}
            Self::KeyValues(list) => list.push(attribute),
            #[cfg(feature = "pipeline")]
            Self::Bytes(ending) => {
                ending.count += 1;
                put_attribute(&mut ending.attributes, &attribute);
            }
        }
    }

    /// Adds attributes of users, whose keys may be those of others.
    pub(crate) fn extend(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        for attribute in attributes {
            #[cfg(feature = "pipeline")]
            if let Self::Bytes(ending) = self {
                ending.has_users = true;
                look_for(ending, attribute.key.as_str());
            }
            self.push(attribute);
        }
    }
}

/// Adds attributes that were written before.
#[cfg(feature = "pipeline")]
#[inline]
pub(super) fn copy(attributes: &[u8], count: u32, ending: &mut Ending) {
    if ending.has_users {
        for raw in Attributes::new(attributes).map_while(Result::ok) {
            look_for(ending, raw.attribute.key);
        }
    }
    ending.attributes.extend_from_slice(attributes);
    ending.count += count;
}

/// Adds a count.
#[cfg(feature = "pipeline")]
#[inline]
pub(super) fn put_count(ending: &mut Ending, key: StaticKey, number: u64) {
    look_for(ending, key.as_str());
    ending.count += 1;
    put_int(
        &mut ending.attributes,
        AttributeOf::Span,
        key,
        count(number),
    );
}

/// Takes note if users have brought a key that is there already.
#[cfg(feature = "pipeline")]
#[inline]
fn look_for(ending: &mut Ending, key: &str) {
    if ending.has_users && find_attribute(&ending.attributes, key).is_some() {
        ending.repeats = true;
    }
}

#[cfg(feature = "pipeline")]
#[inline]
fn put(ending: &mut Ending, key: impl AttributeKey, value: &Datum<'_>) {
    let (out, of) = (&mut ending.attributes, AttributeOf::Span);
    ending.count += 1;
    match value {
        Datum::Fixed(text) => put_str(out, of, key, text),
        Datum::Text(text) => put_str(out, of, key, text),
        Datum::Shared(text) => put_str(out, of, key, text.as_str()),
        Datum::Int(number) => put_int(out, of, key, *number),
        Datum::Bool(flag) => put_bool(out, of, key, *flag),
    }
}
