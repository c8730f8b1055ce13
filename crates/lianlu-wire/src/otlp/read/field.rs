//! The fields of a message, by number.

use super::ReadError;
use super::input::Input;

/// Most levels of groups in an unknown field. OTLP has no groups, and proto3 cannot define them.
const GROUP_LIMIT: usize = 32;

/// One field as it stands on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    /// Where the value begins.
    at: usize,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Delimited(Input<'a>),
    /// Passed over.
    Group,
}

impl<'a> Input<'a> {
    /// The next field of the message, `None` at its end.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<Field<'a>>, ReadError> {
        if self.bytes().is_empty() {
            return Ok(None);
        }
        let tag_at = self.at();
        let (number, wire_type) = self.tag()?;
        let at = self.at();
        let value = match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.array("a number")?),
            2 => Value::Delimited(self.delimited()?),
            3 => {
                self.skip_group(number, tag_at, GROUP_LIMIT)?;
                Value::Group
            }
            5 => Value::Fixed32(self.array("a number")?),
            _ => return Err(no_tag(tag_at, number, wire_type)),
        };
        Ok(Some(Field { number, at, value }))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), ReadError> {
        let at = self.at();
        let found = self.varint()?;
        match u32::try_from(found) {
            Ok(tag) if tag >= 8 => Ok((tag >> 3, (tag & 7) as u8)),
            _ => Err(ReadError::Tag {
                at,
                expected: A_FIELD,
                found,
            }),
        }
    }

    /// Passes over what is left of a group that began at `at`, with its end.
    fn skip_group(&mut self, number: u32, at: usize, levels: usize) -> Result<(), ReadError> {
        let Some(levels) = levels.checked_sub(1) else {
            return Err(ReadError::TooDeep {
                at,
                what: "groups",
                limit: GROUP_LIMIT,
            });
        };
        loop {
            let at = self.at();
            let (inner, wire_type) = self.tag()?;
            match wire_type {
                0 => drop(self.varint()?),
                1 => drop(self.array::<8>("a number")?),
                2 => drop(self.delimited()?),
                3 => self.skip_group(inner, at, levels)?,
                4 if inner == number => return Ok(()),
                5 => drop(self.array::<4>("a number")?),
                _ => return Err(no_tag(at, inner, wire_type)),
            }
        }
    }
}

const A_FIELD: &str = "a field";

#[cold]
fn no_tag(at: usize, number: u32, wire_type: u8) -> ReadError {
    ReadError::Tag {
        at,
        expected: A_FIELD,
        found: u64::from(number) << 3 | u64::from(wire_type),
    }
}

/// The value as what its field is; `name` is the field's, for the error.
impl<'a> Field<'a> {
    #[inline]
    pub(super) fn varint(&self, name: &'static str) -> Result<u64, ReadError> {
        match self.value {
            Value::Varint(value) => Ok(value),
            _ => Err(self.wire_type(name, "a variable-length integer")),
        }
    }

    /// The low 32 bits, as every reader takes an `int32` or an enum.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn int32(&self, name: &'static str) -> Result<i32, ReadError> {
        self.varint(name).map(|value| value as i32)
    }

    /// The low 32 bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn uint32(&self, name: &'static str) -> Result<u32, ReadError> {
        self.varint(name).map(|value| value as u32)
    }

    #[inline]
    pub(super) fn fixed64(&self, name: &'static str) -> Result<u64, ReadError> {
        match self.value {
            Value::Fixed64(bytes) => Ok(u64::from_le_bytes(bytes)),
            _ => Err(self.wire_type(name, "a number of 8 bytes")),
        }
    }

    #[inline]
    pub(super) fn fixed32(&self, name: &'static str) -> Result<u32, ReadError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(u32::from_le_bytes(bytes)),
            _ => Err(self.wire_type(name, "a number of 4 bytes")),
        }
    }

    /// A message, text or bytes.
    #[inline]
    pub(super) fn delimited(&self, name: &'static str) -> Result<Input<'a>, ReadError> {
        match self.value {
            Value::Delimited(input) => Ok(input),
            _ => Err(self.wire_type(name, "text, bytes or a message")),
        }
    }

    #[inline]
    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, ReadError> {
        self.delimited(name)?.utf8(name)
    }

    /// An id, all zero when it has no bytes.
    #[inline]
    pub(super) fn id<const N: usize>(&self, name: &'static str) -> Result<[u8; N], ReadError> {
        let input = self.delimited(name)?;
        match <[u8; N]>::try_from(input.bytes()) {
            Ok(id) => Ok(id),
            Err(_) if input.bytes().is_empty() => Ok([0; N]),
            Err(_) => Err(ReadError::IdLength {
                at: input.at(),
                field: name,
                expected: N,
                found: input.bytes().len(),
            }),
        }
    }

    #[cold]
    fn wire_type(&self, field: &'static str, expected: &'static str) -> ReadError {
        ReadError::WireType {
            at: self.at,
            field,
            expected,
        }
    }
}
