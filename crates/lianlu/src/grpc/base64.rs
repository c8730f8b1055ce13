//! Base64: a streaming decoder for gRPC-Web's text mode, and binary metadata.
//!
//! A gRPC-Web server may encode and pad each flushed chunk separately, so padding does not end the
//! stream.

/// Encodes binary metadata, without padding, as gRPC implementations do.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: [u8; 64] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=group.len() {
            let digit = DIGITS.get((bits >> (18 - 6 * at) & 63) as usize);
            out.push(char::from(digit.copied().unwrap_or_default()));
        }
    }
    out
}

/// Decodes binary metadata, with or without padding. `None` if it is not base64.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::default();
    let mut out = Vec::with_capacity(text.len());
    decoder.feed(text, |bytes| out.extend_from_slice(bytes));
    let is_cut = decoder.digits == 1;
    while decoder.digits != 0 {
        decoder.feed(b"=", |bytes| out.extend_from_slice(bytes));
    }
    (!is_cut && !decoder.is_invalid).then_some(out)
}

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

    fn decode_in(text: &str, step: usize) -> Vec<u8> {
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
            assert_eq!(decode_in("bGlhbmx1", step), b"lianlu");
            // Three chunks, each padded separately.
            assert_eq!(decode_in("bA==aWE=bmx1", step), b"lianlu");
        }
        let long = "QUJD".repeat(1000);
        assert_eq!(decode_in(&long, long.len()), b"ABC".repeat(1000));
    }

    #[test]
    fn binary_metadata_round_trips() {
        for length in 0..=9 {
            let bytes = &[0, 0xff, 0x3e, 0x7f, 0x80, 1, 2, 3, 0xfb][..length];
            let text = encode(bytes);
            let padded = format!("{text:=<width$}", width = text.len().next_multiple_of(4));
            assert_eq!(decode(text.as_bytes()).unwrap(), bytes);
            assert_eq!(decode(padded.as_bytes()).unwrap(), bytes);
        }
        assert_eq!(encode(b"lianl"), "bGlhbmw");
        assert_eq!((decode(b"bGl{"), decode(b"bGlhb")), (None, None));
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
