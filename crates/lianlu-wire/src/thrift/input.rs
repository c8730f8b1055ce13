//! The cursor of both readers: a slice, the read position, and the checks before each allocation.

use super::DecodeError;

/// A cursor that never moves past its end.
#[derive(Clone, Debug)]
pub(super) struct Input<'a> {
    rest: &'a [u8],
    length: usize,
    /// Minimum number of bytes that the unread elements of enclosing lists need.
    reserved: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            length: bytes.len(),
            reserved: 0,
        }
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.length - self.rest.len()
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Reserves bytes for elements still to be read, so that nested lists cannot claim them.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved = self.reserved.saturating_add(bytes);
    }

    /// Releases reserved bytes that are read next.
    pub(super) fn release(&mut self, bytes: usize) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    pub(super) fn byte(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
        self.array(expected).map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], DecodeError> {
        let Some((array, rest)) = self.rest.split_first_chunk() else {
            return Err(DecodeError::UnexpectedEnd {
                at: self.at(),
                expected,
                needed: N,
                left: self.left(),
            });
        };
        self.rest = rest;
        Ok(*array)
    }

    /// The bytes of a string whose length was declared at `at`.
    pub(super) fn string(&mut self, at: usize, declared: i32) -> Result<&'a [u8], DecodeError> {
        let declared = length(at, "string", declared)?;
        let Some((bytes, rest)) = self.rest.split_at_checked(declared) else {
            return Err(DecodeError::StringTooLong {
                at,
                declared,
                left: self.left(),
            });
        };
        self.rest = rest;
        Ok(bytes)
    }

    /// The number of elements of a container whose size was declared at `at`. Fails unless the
    /// remaining bytes, less the reserved ones, can hold all of them.
    pub(super) fn elements(
        &self,
        at: usize,
        container: &'static str,
        declared: i32,
        element_bytes: usize,
    ) -> Result<usize, DecodeError> {
        let declared = length(at, container, declared)?;
        let left = self.left().saturating_sub(self.reserved);
        if declared > left / element_bytes.max(1) {
            return Err(DecodeError::ContainerTooLong {
                at,
                container,
                declared,
                element_bytes,
                left,
            });
        }
        Ok(declared)
    }

    /// An unsigned varint of at most `bits` bits.
    pub(super) fn varint(&mut self, bits: u32) -> Result<u64, DecodeError> {
        let at = self.at();
        let mut value = 0;
        for shift in (0..bits).step_by(7) {
            let byte = self.byte("variable-length integer")?;
            let part = u64::from(byte & 0x7f);
            // The last byte must fit the remaining bits of the type.
            if bits - shift < 7 && part >> (bits - shift) != 0 {
                break;
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong { at, bits })
    }
}

fn length(at: usize, what: &'static str, declared: i32) -> Result<usize, DecodeError> {
    usize::try_from(declared).map_err(|_| DecodeError::NegativeLength { at, what, declared })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_limited_to_their_type() {
        let mut input = Input::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]);
        assert_eq!(input.varint(32), Ok(u64::from(u32::MAX)));
        assert_eq!((input.at(), input.left()), (5, 1));

        for bytes in [
            &[0xff, 0xff, 0xff, 0xff, 0x1f][..],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        ] {
            assert_eq!(
                Input::new(bytes).varint(32),
                Err(DecodeError::VarintTooLong { at: 0, bits: 32 })
            );
        }
        let mut longest = [0xff; 10];
        longest[9] = 1;
        assert_eq!(Input::new(&longest).varint(64), Ok(u64::MAX));
        longest[9] = 2;
        assert_eq!(
            Input::new(&longest).varint(64),
            Err(DecodeError::VarintTooLong { at: 0, bits: 64 })
        );
        assert!(matches!(
            Input::new(&[0x80]).varint(64),
            Err(DecodeError::UnexpectedEnd { at: 1, .. })
        ));
    }

    #[test]
    fn lengths_are_checked_against_the_remaining_bytes() {
        let mut input = Input::new(b"abc");
        assert_eq!(
            input.string(7, 4),
            Err(DecodeError::StringTooLong {
                at: 7,
                declared: 4,
                left: 3
            })
        );
        assert_eq!(
            input.string(7, -1),
            Err(DecodeError::NegativeLength {
                at: 7,
                what: "string",
                declared: -1
            })
        );
        assert_eq!(input.elements(7, "list", 3, 1), Ok(3));
        assert!(input.elements(7, "list", 2, 2).is_err());
        input.reserve(2);
        assert_eq!(input.elements(7, "list", 1, 1), Ok(1));
        assert!(input.elements(7, "list", 2, 1).is_err());
        input.release(2);
        assert_eq!(input.elements(7, "list", 3, 1), Ok(3));
        assert_eq!(input.string(7, 3), Ok(&b"abc"[..]));
    }
}
