//! Writer of the compact protocol.

use super::error::{list_length, string_length};
use super::{EncodeError, Kind, MessageKind, Write};

pub(super) const PROTOCOL_ID: u8 = 0x82;
pub(super) const VERSION: u8 = 1;
pub(super) const STOP: u8 = 0;
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;

/// Appends to a buffer. Keeps the last field number: a field header contains the difference to it.
#[derive(Debug)]
pub(crate) struct CompactWriter<'b> {
    out: &'b mut Vec<u8>,
    last_field: i16,
}

impl<'b> CompactWriter<'b> {
    pub(crate) fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out, last_field: 0 }
    }

    /// Seven bits per byte, lowest first; the high bit is set if more follow.
    fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.out.push(low & 0x7f);
                return;
            }
            self.out.push(low | 0x80);
        }
    }

    /// Number of bytes that [`list_begin`](Write::list_begin) writes.
    pub(crate) const fn list_header_bytes(length: usize) -> usize {
        match length {
            0..=14 => 1,
            15..0x80 => 2,
            0x80..0x4000 => 3,
            0x4000..0x20_0000 => 4,
            0x20_0000..0x1000_0000 => 5,
            _ => 6,
        }
    }

    /// Moves the sign to the lowest bit, so small negative numbers stay short.
    fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    fn header(&mut self, id: i16, code: u8) {
        let distance = i32::from(id) - i32::from(self.last_field);
        self.last_field = id;
        match u8::try_from(distance) {
            Ok(distance @ 1..=15) => self.out.push((distance << 4) | code),
            _ => {
                self.out.push(code);
                self.zigzag(id.into());
            }
        }
    }
}

/// The number of a kind in the low half of a header byte.
const fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Bool => TRUE,
        Kind::I8 => 3,
        Kind::I16 => 4,
        Kind::I32 => 5,
        Kind::I64 => 6,
        Kind::Double => 7,
        Kind::String => 8,
        Kind::List => 9,
        Kind::Set => 10,
        Kind::Map => 11,
        Kind::Struct => 12,
        Kind::Uuid => 13,
    }
}

impl Write for CompactWriter<'_> {
    fn struct_begin(&mut self) -> i16 {
        std::mem::take(&mut self.last_field)
    }

    fn struct_end(&mut self, outer: i16) {
        self.out.push(STOP);
        self.last_field = outer;
    }

    fn field(&mut self, id: i16, kind: Kind) {
        self.header(id, code(kind));
    }

    fn bool_field(&mut self, id: i16, value: bool) {
        self.header(id, if value { TRUE } else { FALSE });
    }

    fn i32(&mut self, value: i32) {
        self.zigzag(value.into());
    }

    fn i64(&mut self, value: i64) {
        self.zigzag(value);
    }

    /// Little-endian, as in every implementation; the specification once said otherwise.
    fn double(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        self.varint(string_length(value.len())?.cast_unsigned().into());
        self.out.extend_from_slice(value);
        Ok(())
    }

    fn list_begin(&mut self, elements: Kind, length: usize) -> Result<(), EncodeError> {
        let length = list_length(length)?;
        match u8::try_from(length) {
            Ok(short @ 0..=14) => self.out.push((short << 4) | code(elements)),
            _ => {
                self.out.push(0xf0 | code(elements));
                self.varint(length.cast_unsigned().into());
            }
        }
        Ok(())
    }

    fn oneway_begin(&mut self, method: &str, sequence: i32) -> Result<(), EncodeError> {
        self.out
            .extend_from_slice(&[PROTOCOL_ID, (MessageKind::Oneway.code() << 5) | VERSION]);
        self.varint(sequence.cast_unsigned().into());
        self.bytes(method.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut CompactWriter<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut CompactWriter::new(&mut out));
        out
    }

    #[test]
    fn numbers_are_zigzag_varints() {
        for (value, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (1, &[2]),
            (-64, &[0x7f]),
            (64, &[0x80, 1]),
            (
                i64::MIN,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
        ] {
            assert_eq!(written(|w| w.i64(value)), bytes, "{value}");
        }
        assert_eq!(written(|w| w.i32(i32::MIN)), [0xff, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn distant_field_numbers_are_written_in_full() {
        let bytes = written(|w| {
            let outer = w.struct_begin();
            w.bool_field(15, true);
            w.field(31, Kind::I64);
            w.bool_field(3, false);
            w.struct_end(outer);
        });
        assert_eq!(bytes, [0xf1, 0x06, 62, 0x02, 6, 0]);
    }

    #[test]
    fn lists_of_15_or_more_have_a_separate_length() {
        assert_eq!(written(|w| w.list_begin(Kind::Struct, 14).unwrap()), [0xec]);
        assert_eq!(
            written(|w| w.list_begin(Kind::Struct, 15).unwrap()),
            [0xfc, 15]
        );
        assert_eq!(
            written(|w| w.list_begin(Kind::Struct, 300).unwrap()),
            [0xfc, 0xac, 2]
        );
        for power in 0..31 {
            for length in [(1 << power) - 1, 1 << power] {
                let bytes = written(|w| w.list_begin(Kind::Struct, length).unwrap());
                assert_eq!(
                    bytes.len(),
                    CompactWriter::list_header_bytes(length),
                    "{length}"
                );
            }
        }
    }
}
