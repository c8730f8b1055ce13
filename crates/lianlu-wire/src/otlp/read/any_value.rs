//! Values of attributes.

use super::field::Field;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{KeyValue, ReadError};

/// A value.
///
/// Values in values end at [`MAX_VALUE_DEPTH`](super::MAX_VALUE_DEPTH): the iterators yield an error there, so code
/// that follows them recursively needs no count of its own.
///
/// See [common.proto](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/common/v1/common.proto).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnyValue<'a> {
    /// No value, or one of a kind that is not known here.
    Empty,
    /// Text.
    String(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// Values in an order.
    Array(ArrayValue<'a>),
    /// Values with keys.
    List(KeyValueList<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// Values in an order. Equal when encoded the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrayValue<'a>(Input<'a>);

impl<'a> ArrayValue<'a> {
    /// The values.
    #[inline]
    pub fn values(&self) -> Repeated<'a, AnyValue<'a>> {
        Repeated::new(self.0, 1, "ArrayValue.values")
    }
}

/// Values with keys. Equal when encoded the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyValueList<'a>(Input<'a>);

impl<'a> KeyValueList<'a> {
    /// The keys and values.
    #[inline]
    pub fn values(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, 1, "KeyValueList.values")
    }
}

impl<'a> AnyValue<'a> {
    /// What a field makes of the value; `None` for an unknown one.
    #[inline]
    fn of(field: &Field<'a>) -> Result<Option<Self>, ReadError> {
        Ok(Some(match field.number {
            1 => Self::String(field.text("AnyValue.string_value")?),
            2 => Self::Bool(field.varint("AnyValue.bool_value")? != 0),
            3 => Self::Int(field.varint("AnyValue.int_value")?.cast_signed()),
            4 => Self::Double(f64::from_bits(field.fixed64("AnyValue.double_value")?)),
            5 => Self::Array(ArrayValue(field.delimited("AnyValue.array_value")?)),
            6 => Self::List(KeyValueList(field.delimited("AnyValue.kvlist_value")?)),
            7 => Self::Bytes(field.delimited("AnyValue.bytes_value")?.bytes()),
            _ => return Ok(None),
        }))
    }
}

impl<'a> Element<'a> for AnyValue<'a> {
    #[inline]
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut rest = message.deeper()?;
        let mut value = Self::Empty;
        while let Some(field) = rest.field()? {
            // They are one `oneof`: the last counts.
            if let Some(last) = Self::of(&field)? {
                value = last;
            }
        }
        Ok(value)
    }
}
