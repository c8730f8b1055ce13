//! The cursor of all views: a slice, the read position, and the offset within the input.

use std::fmt;

use super::{MAX_VALUE_DEPTH, ReadError};
use crate::otlp::varint_len;

/// A cursor that never moves past its end.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// Offset of the end; the offset of the next byte is this less the remaining length.
    end: usize,
    /// How many more levels of nested values are allowed.
    levels: u8,
}

impl<'a> Input<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            end: bytes.len(),
            levels: MAX_VALUE_DEPTH as u8,
        }
    }

    /// Offset of the next byte.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// The unread bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// The unread bytes as text, or the offset of the first byte that is not UTF-8.
    #[inline]
    pub(super) fn utf8(&self) -> Result<&'a str, usize> {
        std::str::from_utf8(self.rest).map_err(|error| self.at() + error.valid_up_to())
    }

    /// Offset of the tag that was just read, assuming its shortest encoding.
    pub(super) fn before(&self, tag: u32) -> usize {
        self.at().saturating_sub(varint_len(tag.into()))
    }

    /// The bytes read since `before`, an earlier state of this cursor.
    #[inline]
    pub(super) fn since(&self, before: &Self) -> &'a [u8] {
        let read = before.rest.len().saturating_sub(self.rest.len());
        before.rest.get(..read).unwrap_or_default()
    }

    /// Moves to the end.
    #[inline]
    pub(super) fn finish(&mut self) {
        self.rest = &[];
    }

    /// The same bytes, one level of nesting deeper.
    #[inline]
    pub(super) fn deeper(self) -> Result<Self, ReadError> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(ReadError::TooDeep {
                at: self.at(),
                what: "values",
                limit: MAX_VALUE_DEPTH,
            }),
        }
    }

    #[inline]
    pub(super) fn array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], ReadError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(self.truncated(expected, N as u64));
        };
        self.rest = rest;
        Ok(*array)
    }

    /// Reads a length and the bytes after it.
    #[inline]
    pub(super) fn delimited(&mut self) -> Result<Self, ReadError> {
        let declared = self.varint()?;
        let split = usize::try_from(declared)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let Some((bytes, rest)) = split else {
            return Err(self.truncated("a value", declared));
        };
        let inner = Self {
            rest: bytes,
            end: self.end - rest.len(),
            levels: self.levels,
        };
        self.rest = rest;
        Ok(inner)
    }

    /// A variable-length integer of at most 64 bits, so at most 10 bytes.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, ReadError> {
        if let [byte @ 0..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, ReadError> {
        let mut value = 0;
        for (byte, shift) in self.rest.iter().zip((0..64).step_by(7)) {
            let part = u64::from(byte & 0x7f);
            // Only one bit of the tenth byte is significant.
            if shift == 63 && *byte > 1 {
                return Err(ReadError::Varint { at: self.at() });
            }
            value |= part << shift;
            if *byte < 0x80 {
                self.rest = self.rest.get(shift / 7 + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        let needed = self.rest.len() as u64 + 1;
        Err(self.truncated("a variable-length integer", needed))
    }

    #[cold]
    fn truncated(&self, expected: &'static str, needed: u64) -> ReadError {
        ReadError::Truncated {
            at: self.at(),
            expected,
            needed,
            left: self.rest.len(),
        }
    }
}

/// Prints the position, not the content: the fields are printed beside it, and a whole batch would
/// not help.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.rest.len(), self.at())
    }
}

/// Equal bytes, wherever they are.
impl PartialEq for Input<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::put_varint;

    #[test]
    fn varints_round_trip() {
        let powers = (0..64).map(|bit| 1 << bit);
        for number in powers.flat_map(|power: u64| [power - 1, power, u64::MAX - power]) {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            bytes.push(7);
            let mut input = Input::new(&bytes);
            assert_eq!(input.varint(), Ok(number));
            assert_eq!(input.bytes(), [7]);
        }
    }

    #[test]
    fn varints_are_limited_to_64_bits() {
        // Redundant bytes are valid, up to the tenth.
        let zero = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0];
        assert_eq!(Input::new(&zero).varint(), Ok(0));
        let mut most = [0xff; 11];
        most[9] = 1;
        assert_eq!(Input::new(&most).varint(), Ok(u64::MAX));
        for tenth in [2, 0x7f, 0x80, 0x81, 0xff] {
            most[9] = tenth;
            let mut input = Input::new(&most);
            assert_eq!(input.varint(), Err(ReadError::Varint { at: 0 }), "{tenth}");
        }
        for length in 0..10 {
            let error = Input::new(&most[..length]).varint().unwrap_err();
            assert!(
                matches!(error, ReadError::Truncated { at: 0, left, .. } if left == length),
                "{error}"
            );
        }
    }

    #[test]
    fn offsets_count_from_the_start_of_the_input() {
        let mut outer = Input::new(&[3, 1, b'a', b'b', 9]);
        let mut inner = outer.delimited().unwrap();
        assert_eq!((outer.at(), inner.at()), (4, 1));
        let text = inner.delimited().unwrap();
        assert_eq!((text.at(), text.bytes()), (2, &b"a"[..]));
        let error = inner.array::<2>("two").unwrap_err();
        assert_eq!(error.to_string(), "byte 3: two of 2 bytes expected, 1 left");
        assert_eq!(inner.since(&inner), b"");
        let before = inner;
        assert_eq!(inner.array("one"), Ok([b'b']));
        assert_eq!(inner.since(&before), b"b");
    }
}
