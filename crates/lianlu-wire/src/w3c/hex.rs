//! Lower-case hexadecimal of a fixed size. Upper case is malformed in `traceparent`.

/// What [`nibble`] answers for a byte that is no lower-case hex digit. Its high bits survive an OR with any digit.
const INVALID: u8 = 0xff;

#[inline]
const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => INVALID,
    }
}

#[inline]
const fn digit(nibble: u8) -> u8 {
    match nibble & 0x0f {
        low @ 0..=9 => b'0' + low,
        high => b'a' + high - 10,
    }
}

/// Reads exactly `2 * N` lower-case digits.
#[inline]
pub(super) fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    let mut bytes = [0; N];
    let mut seen = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (nibble(*high), nibble(*low));
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0f);
    }
    (seen <= 0x0f).then_some(bytes)
}

/// Writes `bytes` as digits over the front of `out`, and stops where either ends.
#[inline]
pub(super) fn encode(bytes: &[u8], out: &mut [u8]) {
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(*byte)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        for byte in 0..=u8::MAX {
            let mut text = [0; 2];
            encode(&[byte], &mut text);
            assert_eq!(text, format!("{byte:02x}").as_bytes());
            assert_eq!(decode::<1>(&text), Some([byte]));
        }
    }

    #[test]
    fn only_lower_case_digits_of_the_right_number() {
        for bad in [
            "", "0", "000", "0000", "AB", "0g", "g0", "0.", " 0", "\u{e9}",
        ] {
            assert_eq!(decode::<1>(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
