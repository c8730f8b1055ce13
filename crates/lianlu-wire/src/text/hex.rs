//! Hexadecimal ids. `traceparent` allows lower case only; the other headers allow either case.

#[inline]
const fn digit(nibble: u8) -> u8 {
    match nibble & 0x0f {
        low @ 0..=9 => b'0' + low,
        high => b'a' + high - 10,
    }
}

/// Reads exactly `2 * N` lower-case digits, 48 at most.
#[inline]
pub(crate) fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    const { assert!(N <= 24) }
    if digits.len() != 2 * N {
        return None;
    }
    let mut all = [b'0'; 48];
    all.get_mut(..2 * N)?.copy_from_slice(digits);
    decode_all(&all)?.first_chunk().copied()
}

/// Each digit is handled alike and independently of the others, so the compiler can vectorise the
/// loop.
fn decode_all(digits: &[u8; 48]) -> Option<[u8; 24]> {
    let mut nibbles = [0; 48];
    let mut invalid = 0;
    for (nibble, digit) in nibbles.iter_mut().zip(digits) {
        // A byte below a range wraps to far above it.
        let decimal = digit.wrapping_sub(b'0');
        let letter = digit.wrapping_sub(b'a');
        invalid |= decimal.saturating_sub(9).min(letter.saturating_sub(5));
        *nibble = decimal.min(letter.wrapping_add(10));
    }
    let mut bytes = [0; 24];
    for (byte, [high, low]) in bytes.iter_mut().zip(nibbles.as_chunks().0) {
        *byte = high << 4 | low;
    }
    (invalid == 0).then_some(bytes)
}

const fn splat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Hex digits of four bytes, one per byte of a word; the lowest byte is the first digit.
#[inline]
const fn eight_digits(bytes: [u8; 4]) -> u64 {
    // Spread the bytes, then split each into its two nibbles, the high one first.
    let quads = u32::from_le_bytes(bytes) as u64;
    let pairs = (quads | quads << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes >> 4 | bytes << 8) & splat(0x0f);
    // 1 in each byte that holds 10 or more; those get the gap between `9` and `a` added.
    let letter = nibbles.wrapping_add(splat(6)) >> 4 & splat(1);
    nibbles + splat(b'0') + letter * (b'a' - b'9' - 1) as u64
}

/// Writes `bytes` as hex digits to the start of `out`; stops at the end of the shorter of the two.
#[inline]
pub(crate) fn encode(bytes: &[u8], out: &mut [u8]) {
    let (fours, _) = bytes.as_chunks::<4>();
    let (words, _) = out.as_chunks_mut::<8>();
    let mut done = 0;
    for (word, four) in words.iter_mut().zip(fours) {
        *word = eight_digits(*four).to_le_bytes();
        done += 4;
    }
    let bytes = bytes.get(done..).unwrap_or_default();
    let (pairs, _) = out
        .get_mut(done * 2..)
        .unwrap_or_default()
        .as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(*byte)];
    }
}

/// Reads 1 to `2 * N` digits of either case as a number; missing leading digits are zero.
#[inline]
pub(crate) fn decode_short<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.is_empty() || digits.len() > 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    // From the last digit backwards, two for each byte.
    for (byte, pair) in bytes.iter_mut().rev().zip(digits.rchunks(2)) {
        for digit in pair {
            *byte = (*byte << 4) | u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        }
    }
    Some(bytes)
}

/// As [`decode_short`], but `None` for zero, which is not a valid id.
#[inline]
pub(crate) fn decode_id<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    decode_short(digits).filter(|id| *id != [0; N])
}

/// Appends `bytes` as hex digits.
#[inline]
pub(crate) fn push(bytes: &[u8], out: &mut String) {
    let mut digits = [0; 32];
    for bytes in bytes.chunks(16) {
        encode(bytes, &mut digits);
        let digits = digits.get(..bytes.len() * 2).unwrap_or_default();
        // Digits are ASCII, so the default is never used.
        out.push_str(std::str::from_utf8(digits).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_round_trips() {
        for byte in 0..=u8::MAX {
            let mut text = [0; 2];
            encode(&[byte], &mut text);
            assert_eq!(text, format!("{byte:02x}").as_bytes());
            assert_eq!(decode::<1>(&text), Some([byte]));
        }
    }

    #[test]
    fn decodes_every_byte_at_every_position_of_an_id() {
        let trace_id: [u8; 16] =
            *b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10";
        let digits = *b"0123456789abcdeffedcba9876543210";
        let mut text = [0; 32];
        encode(&trace_id, &mut text);
        assert_eq!(text, digits);
        assert_eq!(decode(&text), Some(trace_id));
        for at in 0..32 {
            for byte in 0..=u8::MAX {
                let mut text = digits;
                text[at] = byte;
                let value = b"0123456789abcdef".iter().position(|it| *it == byte);
                let expected = value.map(|value| {
                    let value = u8::try_from(value).unwrap();
                    let mut expected = trace_id;
                    let place = &mut expected[at / 2];
                    *place = match at % 2 {
                        0 => *place & 0x0f | value << 4,
                        _ => *place & 0xf0 | value,
                    };
                    expected
                });
                assert_eq!(decode::<16>(&text), expected, "{byte:#x} at {at}");
                let short: Option<[u8; 8]> = expected.and_then(|id| id[..8].try_into().ok());
                if at < 16 {
                    assert_eq!(decode::<8>(&text[..16]), short, "{byte:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn encoding_stops_at_the_shorter_slice() {
        let bytes: Vec<u8> = (0xf0..=0xff).collect();
        for length in 0..=16 {
            for out_length in 0..=33 {
                let mut out = vec![b'.'; out_length];
                encode(&bytes[..length], &mut out);
                let written = length.min(out_length / 2);
                let mut expected: String = bytes[..written]
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                expected.extend(std::iter::repeat_n('.', out_length - 2 * written));
                assert_eq!(out, expected.as_bytes(), "{length} bytes into {out_length}");
            }
            let mut text = "x".to_owned();
            push(&bytes[..length].repeat(3), &mut text);
            assert_eq!(text.len(), 1 + 6 * length);
            assert!(text.ends_with(&"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"[..2 * length]));
        }
    }

    #[test]
    fn decodes_only_the_exact_number_of_lower_case_digits() {
        for bad in [
            "", "0", "000", "0000", "AB", "0g", "g0", "0.", " 0", "\u{e9}",
        ] {
            assert_eq!(decode::<1>(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn short_numbers_are_zero_padded() {
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
