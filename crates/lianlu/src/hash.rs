//! A hash that is quick, and no more.

/// The golden ratio, of 64 bits: a number times this has a say in all bits above its own.
pub(crate) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Whoever knows it can make texts that have the same: for tables that nobody but the program fills, or where it does no
/// harm.
#[inline]
pub(crate) fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut hash = text.len() as u64;
    let mut mix = |word: u64| hash = (hash.rotate_left(23) ^ word).wrapping_mul(MIX);
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    // What is left, with some of the last word.
    mix(match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => rest
            .iter()
            .fold(0, |last, byte| last << 8 | u64::from(*byte)),
    });
    hash ^ hash >> 32
}
