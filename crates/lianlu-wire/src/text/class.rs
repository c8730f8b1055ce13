//! Byte classes of the header grammars as lookup tables: one load per byte.

/// A set of bytes.
pub(crate) struct Class([bool; 256]);

impl Class {
    /// Inclusive ranges, given as pairs of first and last byte: `b"az09"` is `a` to `z` and `0` to
    /// `9`.
    pub(crate) const fn ranges(pairs: &[u8]) -> Self {
        let mut class = Self([false; 256]);
        let mut rest = pairs;
        while let [from, to, behind @ ..] = rest {
            let mut byte = *from;
            while byte <= *to {
                class = class.set(&[byte], true);
                byte += 1;
            }
            rest = behind;
        }
        class
    }

    pub(crate) const fn with(self, bytes: &[u8]) -> Self {
        self.set(bytes, true)
    }

    pub(crate) const fn without(self, bytes: &[u8]) -> Self {
        self.set(bytes, false)
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "a byte is below 256, and this runs when compiling"
    )]
    const fn set(mut self, bytes: &[u8], allowed: bool) -> Self {
        let mut rest = bytes;
        while let [byte, behind @ ..] = rest {
            self.0[*byte as usize] = allowed;
            rest = behind;
        }
        self
    }

    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        // A byte is below 256, so the default is never used, and the compiler knows.
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn has_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| self.has(*byte))
    }

    /// Length of the longest prefix whose bytes are all in the set.
    #[inline]
    pub(crate) fn prefix(&self, bytes: &[u8]) -> usize {
        let other = bytes.iter().position(|byte| !self.has(*byte));
        other.unwrap_or(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_with_and_without() {
        const CLASS: Class = Class::ranges(b"az09").with(b"_\xff").without(b"mz");
        for byte in 0..=u8::MAX {
            let expected = matches!(byte, b'a'..=b'l' | b'n'..=b'y' | b'0'..=b'9' | b'_' | 0xff);
            assert_eq!(CLASS.has(byte), expected, "{byte:#x}");
        }
        assert!(CLASS.has_all(b"") && CLASS.has_all(b"a_9") && !CLASS.has_all(b"a m"));
        for (bytes, length) in [(&b""[..], 0), (b"ab", 2), (b"abz", 2), (b"za", 0)] {
            assert_eq!(CLASS.prefix(bytes), length);
        }
    }
}
