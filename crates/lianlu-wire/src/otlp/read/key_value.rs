//! Attributes.

use super::field::FieldNames;
use super::repeated::{Element, Message};
use super::{AnyValue, ReadError};

/// An attribute, or an entry of a [`KeyValueList`](super::KeyValueList).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyValue<'a> {
    /// The key.
    pub key: &'a str,
    /// The value; [`AnyValue::Empty`] without one.
    pub value: AnyValue<'a>,
}

impl<'a> Element<'a> for KeyValue<'a> {
    #[inline]
    fn read(Message(mut rest): Message<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            key: "",
            value: AnyValue::Empty,
        };
        while let Some(tag) = rest.tag()? {
            match tag {
                0x0a => this.key = rest.text(tag, FIELDS)?,
                0x12 => this.value = AnyValue::read(Message(rest.delimited()?))?,
                _ => rest.unknown(tag, FIELDS)?,
            }
        }
        Ok(this)
    }
}

static FIELDS: FieldNames = &["", "KeyValue.key", "KeyValue.value"];
