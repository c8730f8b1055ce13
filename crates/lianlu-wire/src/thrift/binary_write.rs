//! Writer of the binary protocol.

use super::error::{list_length, string_length};
use super::{EncodeError, Kind, MessageKind, Write};

/// First two bytes of a message: the sign bit, then version 1.
pub(super) const VERSION: [u8; 2] = [0x80, 0x01];
pub(super) const STOP: u8 = 0;

/// Appends to a buffer. Everything is big-endian and of fixed width.
#[derive(Debug)]
pub(crate) struct BinaryWriter<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> BinaryWriter<'b> {
    pub(crate) fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }
}

const fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => 2,
        Kind::I8 => 3,
        Kind::Double => 4,
        Kind::I16 => 6,
        Kind::I32 => 8,
        Kind::I64 => 10,
        Kind::String => 11,
        Kind::Struct => 12,
        Kind::Map => 13,
        Kind::Set => 14,
        Kind::List => 15,
        Kind::Uuid => 16,
    }
}

impl Write for BinaryWriter<'_> {
    fn struct_begin(&mut self) -> i16 {
        0
    }

    fn struct_end(&mut self, _outer: i16) {
        self.out.push(STOP);
    }

    fn field(&mut self, id: i16, kind: Kind) {
        self.out.push(code(kind));
        self.out.extend_from_slice(&id.to_be_bytes());
    }

    fn bool_field(&mut self, id: i16, value: bool) {
        self.field(id, Kind::Bool);
        self.out.push(value.into());
    }

    fn i32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn double(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        self.i32(string_length(value.len())?);
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn list_begin(&mut self, elements: Kind, length: usize) -> Result<(), EncodeError> {
        let length = list_length(length)?;
        self.out.push(code(elements));
        self.i32(length);
        Ok(())
    }

    fn oneway_begin(&mut self, method: &str, sequence: i32) -> Result<(), EncodeError> {
        let [high, low] = VERSION;
        self.out
            .extend_from_slice(&[high, low, 0, MessageKind::Oneway.code()]);
        self.bytes(method.as_bytes())?;
        self.i32(sequence);
        Ok(())
    }
}
