//! Eight digits at a time, one in each byte of a word whose lowest byte is the first digit.

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH_BITS: u64 = each(0x80);

/// Sixteen digits as two words.
#[inline]
pub(super) const fn words(digits: [u8; 16]) -> [u64; 2] {
    let both = u128::from_le_bytes(digits);
    [both as u64, (both >> 64) as u64]
}

/// The high bit of each byte of `word` that is `least` or more. Bytes over 0x7f spoil the one above them.
#[inline]
const fn at_least(word: u64, least: u8) -> u64 {
    word.wrapping_add(each(0x80 - least))
}

/// Zero when all eight are lower-case hex digits.
#[inline]
pub(super) const fn invalid(word: u64) -> u64 {
    let decimal = at_least(word, b'0') & !at_least(word, b'9' + 1);
    let letter = at_least(word, b'a') & !at_least(word, b'f' + 1);
    // The lowest byte over 0x7f is in neither range, so it does not matter what it spoils above.
    !(decimal | letter) & HIGH_BITS
}

/// The four bytes that eight digits stand for, in the lower half of a word. Anything when they are no digits.
#[inline]
pub(super) const fn decode(word: u64) -> u64 {
    // Bit 6 tells letters from decimals; `a` has 1 in its low half and stands for 10.
    let letter = word >> 6 & each(1);
    let nibbles = (word & each(0x0f)).wrapping_add(letter * 9);
    // Each pair into its lower byte, then the lower bytes together.
    let pairs = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (quads | quads >> 16) & 0x0000_0000_ffff_ffff
}

/// The eight digits of four bytes.
#[inline]
pub(super) const fn encode(bytes: [u8; 4]) -> u64 {
    // The way back: the bytes apart, then each into its two halves, the high one first.
    let quads = u32::from_le_bytes(bytes) as u64;
    let pairs = (quads | quads << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes >> 4 | bytes << 8) & each(0x0f);
    // One in each byte from 10 on, which gets what lies between `9` and `a` on top.
    let letter = nibbles.wrapping_add(each(6)) >> 4 & each(1);
    nibbles + each(b'0') + letter * (b'a' - b'9' - 1) as u64
}
