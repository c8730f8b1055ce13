//! Reader of the binary protocol.

use super::binary_write::{STOP, VERSION};
use super::input::Input;
use super::{DecodeError, Field, Kind, Message, MessageKind, Read};

/// Reads from a slice.
#[derive(Debug)]
pub(crate) struct BinaryReader<'a> {
    input: Input<'a>,
}

impl<'a> BinaryReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            input: Input::new(bytes),
        }
    }
}

fn kind(at: usize, code: u8) -> Result<Kind, DecodeError> {
    Ok(match code {
        2 => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::Double,
        6 => Kind::I16,
        8 => Kind::I32,
        10 => Kind::I64,
        11 => Kind::String,
        12 => Kind::Struct,
        13 => Kind::Map,
        14 => Kind::Set,
        15 => Kind::List,
        16 => Kind::Uuid,
        _ => return Err(DecodeError::UnknownKind { at, code }),
    })
}

/// Minimum size in bytes of a value of this kind.
const fn min_bytes(kind: Kind) -> usize {
    match kind {
        // An empty struct is its stop field.
        Kind::Bool | Kind::I8 | Kind::Struct => 1,
        Kind::I16 => 2,
        Kind::I32 | Kind::String => 4,
        // Kind and number of the elements.
        Kind::List | Kind::Set => 5,
        Kind::Map => 6,
        Kind::I64 | Kind::Double => 8,
        Kind::Uuid => 16,
    }
}

impl<'a> Read<'a> for BinaryReader<'a> {
    fn at(&self) -> usize {
        self.input.at()
    }

    fn left(&self) -> usize {
        self.input.left()
    }

    fn struct_begin(&mut self) -> i16 {
        0
    }

    fn struct_end(&mut self, _outer: i16) {}

    fn field(&mut self) -> Result<Option<Field>, DecodeError> {
        let at = self.input.at();
        let code = self.input.byte("field header")?;
        if code == STOP {
            return Ok(None);
        }
        let kind = kind(at, code)?;
        let id = self.input.array("field number").map(i16::from_be_bytes)?;
        Ok(Some(Field { id, kind }))
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        let at = self.input.at();
        match self.input.byte("boolean")? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(DecodeError::NotABool { at, found }),
        }
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        self.input.array("i32").map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.input.array("i64").map(i64::from_be_bytes)
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.input.array("double").map(f64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.input.at();
        let declared = self
            .input
            .array("length of a string")
            .map(i32::from_be_bytes)?;
        self.input.string(at, declared)
    }

    fn list_begin(
        &mut self,
        container: &'static str,
        element_bytes: usize,
    ) -> Result<(Kind, usize), DecodeError> {
        let at = self.input.at();
        let kind = kind(at, self.input.byte(container)?)?;
        let declared = self.i32()?;
        let elements =
            self.input
                .elements(at, container, declared, element_bytes.max(min_bytes(kind)))?;
        Ok((kind, elements))
    }

    fn reserve(&mut self, bytes: usize) {
        self.input.reserve(bytes);
    }

    fn release(&mut self, bytes: usize) {
        self.input.release(bytes);
    }

    fn map_begin(&mut self) -> Result<Option<(Kind, Kind, usize)>, DecodeError> {
        let at = self.input.at();
        let [key, value] = self.input.array("kinds of a map")?;
        let declared = self.i32()?;
        if declared == 0 {
            // Some writers put invalid kinds into an empty map.
            return Ok(None);
        }
        let (key, value) = (kind(at, key)?, kind(at, value)?);
        let pairs = self
            .input
            .elements(at, "map", declared, min_bytes(key) + min_bytes(value))?;
        Ok(Some((key, value, pairs)))
    }

    /// Accepts the strict header and the old one without a version, which some clients still send.
    fn message_begin(&mut self) -> Result<Message<'a>, DecodeError> {
        let at = self.input.at();
        let expected = "message of the binary protocol, version 1,";
        let first: [u8; 4] = self.input.array("message header")?;
        let (method, kind) = match first {
            [high, low, _, kind] if [high, low] == VERSION => (self.bytes()?, kind),
            [first, ..] if first >= 0x80 => return Err(DecodeError::NotAMessage { at, expected }),
            length => {
                let method = self.input.string(at, i32::from_be_bytes(length))?;
                (method, self.input.byte("kind of a message")?)
            }
        };
        let _sequence = self.i32()?;
        let kind = MessageKind::from_code(kind).ok_or(DecodeError::NotAMessage { at, expected })?;
        Ok(Message { method, kind })
    }

    fn skip_scalar(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Bool => self.input.byte("boolean").map(drop),
            Kind::I8 => self.input.byte("i8").map(drop),
            Kind::I16 => self.input.array::<2>("i16").map(drop),
            Kind::I32 => self.input.array::<4>("i32").map(drop),
            Kind::Uuid => self.input.array::<16>("uuid").map(drop),
            Kind::String => self.bytes().map(drop),
            _ => self.input.array::<8>("i64 or double").map(drop),
        }
    }
}
