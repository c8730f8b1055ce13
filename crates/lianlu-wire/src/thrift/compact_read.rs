//! Reader of the compact protocol.

use super::compact_write::{FALSE, PROTOCOL_ID, STOP, TRUE, VERSION};
use super::input::Input;
use super::{DecodeError, Field, Kind, Message, MessageKind, Read};

/// Reads from a slice.
#[derive(Debug)]
pub(crate) struct CompactReader<'a> {
    input: Input<'a>,
    last_field: i16,
    /// The value of a boolean field, which is part of its header.
    header_bool: Option<bool>,
}

impl<'a> CompactReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            input: Input::new(bytes),
            last_field: 0,
            header_bool: None,
        }
    }

    fn zigzag(&mut self, bits: u32) -> Result<i64, DecodeError> {
        let folded = self.input.varint(bits)?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    /// A length: 32 bits, negative if the highest is set.
    fn length(&mut self) -> Result<i32, DecodeError> {
        let at = self.input.at();
        let value = self.input.varint(32)?;
        u32::try_from(value)
            .map(u32::cast_signed)
            .map_err(|_| DecodeError::VarintTooLong { at, bits: 32 })
    }
}

fn kind(at: usize, code: u8) -> Result<Kind, DecodeError> {
    Ok(match code {
        TRUE | FALSE => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::I16,
        5 => Kind::I32,
        6 => Kind::I64,
        7 => Kind::Double,
        8 => Kind::String,
        9 => Kind::List,
        10 => Kind::Set,
        11 => Kind::Map,
        12 => Kind::Struct,
        13 => Kind::Uuid,
        _ => return Err(DecodeError::UnknownKind { at, code }),
    })
}

/// Minimum size in bytes of a value of this kind in a container.
const fn min_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Double => 8,
        Kind::Uuid => 16,
        _ => 1,
    }
}

impl<'a> Read<'a> for CompactReader<'a> {
    fn at(&self) -> usize {
        self.input.at()
    }

    fn left(&self) -> usize {
        self.input.left()
    }

    fn struct_begin(&mut self) -> i16 {
        std::mem::take(&mut self.last_field)
    }

    fn struct_end(&mut self, outer: i16) {
        self.last_field = outer;
    }

    fn field(&mut self) -> Result<Option<Field>, DecodeError> {
        let at = self.input.at();
        let header = self.input.byte("field header")?;
        let code = header & 0x0f;
        if code == STOP {
            return Ok(None);
        }
        let kind = kind(at, code)?;
        let id = match header >> 4 {
            0 => i16::try_from(self.zigzag(32)?).ok(),
            distance => self.last_field.checked_add(distance.into()),
        };
        let id = id.ok_or(DecodeError::FieldIdTooLarge { at })?;
        self.last_field = id;
        self.header_bool = (kind == Kind::Bool).then_some(code == TRUE);
        Ok(Some(Field { id, kind }))
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        if let Some(value) = self.header_bool.take() {
            return Ok(value);
        }
        let at = self.input.at();
        match self.input.byte("boolean")? {
            TRUE => Ok(true),
            // Old writers encode false in lists as 0.
            FALSE | 0 => Ok(false),
            found => Err(DecodeError::NotABool { at, found }),
        }
    }

    fn i32(&mut self) -> Result<i32, DecodeError> {
        let at = self.input.at();
        i32::try_from(self.zigzag(32)?).map_err(|_| DecodeError::VarintTooLong { at, bits: 32 })
    }

    fn i64(&mut self) -> Result<i64, DecodeError> {
        self.zigzag(64)
    }

    fn double(&mut self) -> Result<f64, DecodeError> {
        self.input.array("double").map(f64::from_le_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let at = self.input.at();
        let declared = self.length()?;
        self.input.string(at, declared)
    }

    fn list_begin(
        &mut self,
        container: &'static str,
        element_bytes: usize,
    ) -> Result<(Kind, usize), DecodeError> {
        let at = self.input.at();
        let header = self.input.byte(container)?;
        let kind = kind(at, header & 0x0f)?;
        let declared = match header >> 4 {
            15 => self.length()?,
            short => short.into(),
        };
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
        let declared = self.length()?;
        if declared == 0 {
            return Ok(None);
        }
        let kinds_at = self.input.at();
        let kinds = self.input.byte("kinds of a map")?;
        let (key, value) = (kind(kinds_at, kinds >> 4)?, kind(kinds_at, kinds & 0x0f)?);
        let pairs = self
            .input
            .elements(at, "map", declared, min_bytes(key) + min_bytes(value))?;
        Ok(Some((key, value, pairs)))
    }

    fn message_begin(&mut self) -> Result<Message<'a>, DecodeError> {
        let at = self.input.at();
        let [id, kind_and_version] = self.input.array("message header")?;
        let kind = MessageKind::from_code(kind_and_version >> 5);
        let (PROTOCOL_ID, VERSION, Some(kind)) = (id, kind_and_version & 0x1f, kind) else {
            return Err(DecodeError::NotAMessage {
                at,
                expected: "message of the compact protocol (0x82), version 1,",
            });
        };
        let _sequence = self.input.varint(32)?;
        Ok(Message {
            method: self.bytes()?,
            kind,
        })
    }

    fn skip_scalar(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Bool => self.bool().map(drop),
            Kind::I8 => self.input.byte("i8").map(drop),
            Kind::Double => self.input.array::<8>("double").map(drop),
            Kind::Uuid => self.input.array::<16>("uuid").map(drop),
            Kind::String => self.bytes().map(drop),
            _ => self.input.varint(64).map(drop),
        }
    }
}
