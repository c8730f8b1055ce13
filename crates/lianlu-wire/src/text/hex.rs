//! Hexadecimal ids. Upper case is malformed in `traceparent`, and the same number elsewhere.

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
pub(crate) fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
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
pub(crate) fn encode(bytes: &[u8], out: &mut [u8]) {
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(*byte)];
    }
}

/// Reads 1 to `2 * N` digits of either case as a number: fewer than all have zeros in front.
#[inline]
pub(crate) fn decode_short<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.is_empty() || digits.len() > 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    // From the last digit on, two for each byte.
    for (byte, pair) in bytes.iter_mut().rev().zip(digits.rchunks(2)) {
        for digit in pair {
            *byte = (*byte << 4) | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        }
    }
    Some(bytes)
}

/// As [`decode_short`], but nothing when the number is zero: no id is.
#[inline]
pub(crate) fn decode_id<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    decode_short(digits).filter(|id| *id != [0; N])
}

/// Appends `bytes` as digits.
#[inline]
pub(crate) fn push(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        out.push(char::from(digit(byte >> 4)));
        out.push(char::from(digit(*byte)));
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

    #[test]
    fn a_short_number_has_zeros_in_front() {
        for (digits, expected) in [
            ("", None),
            ("0", Some([0, 0])),
            ("a", Some([0, 10])),
            ("Ab1", Some([0x0a, 0xb1])),
            ("ab12", Some([0xab, 0x12])),
            ("0ab12", None),
            ("+1", None),
            ("\u{ff11}", None),
        ] {
            assert_eq!(decode_short::<2>(digits.as_bytes()), expected, "{digits}");
        }
        assert_eq!(decode_id::<2>(b"000"), None);
        let mut text = "x".to_owned();
        push(&[0, 0xab], &mut text);
        assert_eq!(text, "x00ab");
    }
}
