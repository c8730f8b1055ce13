//! Protobuf's variable-length integers and length prefixes.

/// Appends an integer in groups of seven bits.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

/// How many bytes [`put_varint`] appends: 1 to 10.
#[inline]
#[must_use]
pub const fn varint_len(number: u64) -> usize {
    // Significant bits, at least one, divided by seven, rounded up.
    let bits = 64 - (number | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Appends a length-delimited field whose length is known only after writing: the tag, the length,
/// the bytes that `write` appends.
///
/// The length takes the fewest bytes possible, as in every encoder. `reserved` bytes are set aside
/// for it; if it needs another number of bytes, the written bytes are moved.
#[inline]
pub fn put_len_prefixed(
    out: &mut Vec<u8>,
    tag: u8,
    reserved: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    out.push(tag);
    let at = out.len();
    out.resize(at + reserved, 0);
    write(out);
    let length = out.len().saturating_sub(at + reserved);
    set_length(out, at, reserved, length);
}

/// Writes `length` into the `reserved` bytes at `at`.
#[inline]
fn set_length(out: &mut Vec<u8>, at: usize, reserved: usize, length: usize) {
    let needed = varint_len(length as u64);
    if needed != reserved {
        resize_length(out, at, reserved, needed);
    }
    let mut rest = length as u64;
    let Some(prefix) = out.get_mut(at..at + needed) else {
        return;
    };
    let mut left = needed;
    for byte in prefix {
        left -= 1;
        let more = if left > 0 { 0x80 } else { 0 };
        *byte = low_byte(rest) & 0x7f | more;
        rest >>= 7;
    }
}

#[cold]
fn resize_length(out: &mut Vec<u8>, at: usize, reserved: usize, needed: usize) {
    out.splice(at..at + reserved, std::iter::repeat_n(0, needed));
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
pub(super) const fn low_byte(number: u64) -> u8 {
    number as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_at_the_edges_of_each_length() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (
                u64::MAX,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            ),
        ] {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            assert_eq!(out, bytes, "{number}");
            assert_eq!(varint_len(number), bytes.len(), "{number}");
        }
        for bit in 0..64 {
            let mut out = Vec::new();
            put_varint(&mut out, 1 << bit);
            assert_eq!(varint_len(1 << bit), out.len(), "bit {bit}");
        }
    }

    #[test]
    fn lengths_take_the_fewest_bytes_for_any_reserved_size() {
        for length in [
            0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 2_097_151, 2_097_152,
        ] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut expected = b"kept\x12".to_vec();
            put_varint(&mut expected, length as u64);
            expected.extend_from_slice(&content);
            for reserved in 0..5 {
                let mut out = b"kept".to_vec();
                put_len_prefixed(&mut out, 0x12, reserved, |out| {
                    out.extend_from_slice(&content)
                });
                assert!(out == expected, "{length} bytes, {reserved} reserved");
            }
        }
    }
}
