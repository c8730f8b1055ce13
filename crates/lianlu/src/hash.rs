//! A fast hash that is not resistant to collisions.

/// 2^64 divided by the golden ratio: multiplying spreads entropy to the high bits (Fibonacci
/// hashing).
pub(crate) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Not collision-resistant: for tables that only the program fills, or where a collision does no
/// harm.
#[inline]
pub(crate) fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(MIX);
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    // The remaining bytes, together with some of the last whole word.
    mix(match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => rest
            .iter()
            .fold(0, |last, byte| last << 8 | u64::from(*byte)),
    });
    hash ^ hash >> 32
}
