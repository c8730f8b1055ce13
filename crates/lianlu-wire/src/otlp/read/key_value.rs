//! Attributes.

use super::repeated::{Element, Message};
use super::{AnyValue, ReadError};

/// An attribute, or an entry of a [`KeyValueList`](super::KeyValueList).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyValue<'a> {
    /// The key.
    pub key: &'a str,
    /// The value; [`AnyValue::Empty`] when it is absent.
    pub value: AnyValue<'a>,
}

impl<'a> Element<'a> for KeyValue<'a> {
    #[inline]
    fn read(Message(mut rest): Message<'a>) -> Result<Self, ReadError> {
        let mut this = Self {
            key: "",
            value: AnyValue::Empty,
        };
        while let Some(field) = rest.field()? {
            match field.number {
                1 => this.key = field.text("KeyValue.key")?,
                2 => this.value = AnyValue::read(Message(field.delimited("KeyValue.value")?))?,
                _ => {}
            }
        }
        Ok(this)
    }
}
