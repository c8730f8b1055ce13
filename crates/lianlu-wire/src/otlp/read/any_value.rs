//! Values of attributes.

use super::field::Names;
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
        Repeated::new(self.0, 0x0a, ARRAY)
    }
}

/// Values with keys. Equal when encoded the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyValueList<'a>(Input<'a>);

impl<'a> KeyValueList<'a> {
    /// The keys and values.
    #[inline]
    pub fn values(&self) -> Repeated<'a, KeyValue<'a>> {
        Repeated::new(self.0, 0x0a, LIST)
    }
}

impl<'a> Element<'a> for AnyValue<'a> {
    #[inline]
    fn read(Message(message): Message<'a>) -> Result<Self, ReadError> {
        let mut rest = message.deeper()?;
        let mut value = Self::Empty;
        // They are one `oneof`: the last counts.
        while let Some(tag) = rest.tag()? {
            value = match tag {
                0x0a => Self::String(rest.text(tag, FIELDS)?),
                0x10 => Self::Bool(rest.varint()? != 0),
                0x18 => Self::Int(rest.varint()?.cast_signed()),
                0x21 => Self::Double(f64::from_bits(rest.fixed64()?)),
                0x2a => Self::Array(ArrayValue(rest.delimited()?)),
                0x32 => Self::List(KeyValueList(rest.delimited()?)),
                0x3a => Self::Bytes(rest.delimited()?.bytes()),
                _ => {
                    rest.unknown(tag, FIELDS)?;
                    continue;
                }
            };
        }
        Ok(value)
    }
}

static FIELDS: Names = &[
    "",
    "AnyValue.string_value",
    "AnyValue.bool_value",
    "AnyValue.int_value",
    "AnyValue.double_value",
    "AnyValue.array_value",
    "AnyValue.kvlist_value",
    "AnyValue.bytes_value",
];

static ARRAY: Names = &["", "ArrayValue.values"];

static LIST: Names = &["", "KeyValueList.values"];
