//! A streaming decoder for the base64 of gRPC-Web's text mode.
//!
//! A server may encode and pad each flushed chunk separately, so padding does not end the stream.

/// Decodes a stream that may be split at any byte.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bits: u32,
    /// Digits of the current group of four, including padding.
    digits: u8,
    padding: u8,
    /// True once an invalid byte was read.
    pub(super) is_invalid: bool,
}

impl Decoder {
    /// Decodes `text` and passes the complete bytes to `take`.
    pub(super) fn feed(&mut self, text: &[u8], mut take: impl FnMut(&[u8])) {
        // Output per call of `take`; large, so that there are few calls.
        let mut out = [0; 256 * 3];
        for group in text.chunks(256 * 4) {
            let mut filled = 0;
            for &digit in group {
                let Some((bytes, count)) = self.digit(digit) else {
                    continue;
                };
                for byte in bytes.iter().take(count) {
                    if let Some(slot) = out.get_mut(filled) {
                        *slot = *byte;
                        filled += 1;
                    }
                }
            }
            if filled > 0 {
                take(out.get(..filled).unwrap_or_default());
            }
        }
    }

    /// Adds a digit. Returns the bytes of the group if it was the fourth.
    fn digit(&mut self, digit: u8) -> Option<([u8; 3], usize)> {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                self.padding += 1;
                0
            }
            b'\r' | b'\n' => return None,
            _ => {
                self.is_invalid = true;
                return None;
            }
        };
        self.bits = self.bits << 6 | u32::from(value);
        self.digits += 1;
        if self.digits < 4 {
            return None;
        }
        let [_, a, b, c] = self.bits.to_be_bytes();
        let count = 3_usize.saturating_sub(usize::from(self.padding));
        *self = Self {
            is_invalid: self.is_invalid,
            ..Self::default()
        };
        Some(([a, b, c], count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str, step: usize) -> Vec<u8> {
        let mut decoder = Decoder::default();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            decoder.feed(piece, |bytes| out.extend_from_slice(bytes));
        }
        assert!(!decoder.is_invalid);
        out
    }

    #[test]
    fn decodes_any_split_and_padding() {
        for step in 1..12 {
            assert_eq!(decode("bGlhbmx1", step), b"lianlu");
            // Three chunks, each padded separately.
            assert_eq!(decode("bA==aWE=bmx1", step), b"lianlu");
        }
        let long = "QUJD".repeat(1000);
        assert_eq!(decode(&long, long.len()), b"ABC".repeat(1000));
    }

    #[test]
    fn detects_invalid_base64() {
        let mut decoder = Decoder::default();
        decoder.feed(b"bG{}", |_| {});
        assert!(decoder.is_invalid);
        let mut decoder = Decoder::default();
        decoder.feed(b"=====", |_| {});
    }
}
