//! The bytes under all views: a slice, how far it is read, and where it lies in what was handed in.

use std::fmt;

use super::{MAX_VALUE_DEPTH, ReadError};

/// A cursor that never passes its end.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    /// Offset of the end: that of the next byte is this less what is left.
    end: usize,
    /// How many values may still lie in one another.
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

    /// What is left.
    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// What was read since `before`, an earlier state of this cursor.
    #[inline]
    pub(super) fn since(&self, before: &Self) -> &'a [u8] {
        let read = before.rest.len().saturating_sub(self.rest.len());
        before.rest.get(..read).unwrap_or_default()
    }

    /// Goes to the end.
    #[inline]
    pub(super) fn finish(&mut self) {
        self.rest = &[];
    }

    /// The same bytes as the inside of a value.
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

    /// The bytes behind a length.
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

    /// A variable-length integer of at most 64 bits, which are 10 bytes.
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
            // The tenth byte has room for one bit.
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

/// Where, not what: a view's fields are printed beside it, and a whole batch is no help to anyone.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes at {}", self.rest.len(), self.at())
    }
}

/// The same bytes, wherever they lie.
impl PartialEq for Input<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rest == other.rest
    }
}
