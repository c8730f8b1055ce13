//! Decodes the base64 of gRPC-Web's text mode, piece by piece.
//!
//! Each piece that a server flushes may be encoded, and padded, on its own, so padding does not end the
//! text.

/// Decodes a stream, wherever its pieces are cut.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bits: u32,
    /// Digits of the group of four that has begun, padding included.
    digits: u8,
    padding: u8,
    /// Whether something came that is no base64.
    pub(super) broken: bool,
}

impl Decoder {
    /// Hands over the bytes that are complete.
    pub(super) fn feed(&mut self, text: &[u8], mut take: impl FnMut(&[u8])) {
        // What one call of `take` gets at most: enough to make calls rare.
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

    /// The bytes of a group, once its fourth digit has come.
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
                self.broken = true;
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
            broken: self.broken,
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
        assert!(!decoder.broken);
        out
    }

    #[test]
    fn any_cut_and_any_padding() {
        for step in 1..12 {
            assert_eq!(decode("bGlhbmx1", step), b"lianlu");
            // Three pieces, each padded on its own.
            assert_eq!(decode("bA==aWE=bmx1", step), b"lianlu");
        }
        let long = "QUJD".repeat(1000);
        assert_eq!(decode(&long, long.len()), b"ABC".repeat(1000));
    }

    #[test]
    fn what_is_no_base64_is_noticed() {
        let mut decoder = Decoder::default();
        decoder.feed(b"bG{}", |_| {});
        assert!(decoder.broken);
        let mut decoder = Decoder::default();
        decoder.feed(b"=====", |_| {});
    }
}
