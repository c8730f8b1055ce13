//! Attribute values.

use super::field::FieldNames;
use super::input::Input;
use super::repeated::{Element, Message, Repeated};
use super::{KeyValue, ReadError};

/// An attribute value.
///
/// Nesting ends at [`MAX_VALUE_DEPTH`](super::MAX_VALUE_DEPTH): the iterators yield an error there,
/// so recursive code needs no depth counter of its own.
///
/// See
/// [common.proto](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/common/v1/common.proto).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnyValue<'a> {
    /// No value, or a value of an unknown kind.
    Empty,
    /// Text.
    String(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// An ordered list of values.
    Array(ArrayValue<'a>),
    /// A list of keys and values.
    List(KeyValueList<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// An ordered list of values. Equal if the encodings are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrayValue<'a>(Input<'a>);

impl<'a> ArrayValue<'a> {
    /// The values.
    #[inline]
    pub fn values(&self) -> Repeated<'a, AnyValue<'a>> {
        Repeated::new(self.0, 0x0a, ARRAY)
    }
}

/// A list of keys and values. Equal if the encodings are equal.
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
        // The fields are one `oneof`: the last one wins.
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

static FIELDS: FieldNames = &[
    "",
    "AnyValue.string_value",
    "AnyValue.bool_value",
    "AnyValue.int_value",
    "AnyValue.double_value",
    "AnyValue.array_value",
    "AnyValue.kvlist_value",
    "AnyValue.bytes_value",
];

static ARRAY: FieldNames = &["", "ArrayValue.values"];

static LIST: FieldNames = &["", "KeyValueList.values"];
