//! Eight digits are written at a time, one in each byte of a word whose lowest byte is the first digit.

const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The eight digits of four bytes.
#[inline]
pub(super) const fn encode(bytes: [u8; 4]) -> u64 {
    // The bytes apart, then each into its two halves, the high one first.
    let quads = u32::from_le_bytes(bytes) as u64;
    let pairs = (quads | quads << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (bytes >> 4 | bytes << 8) & each(0x0f);
    // One in each byte from 10 on, which gets what lies between `9` and `a` on top.
    let letter = nibbles.wrapping_add(each(6)) >> 4 & each(1);
    nibbles + each(b'0') + letter * (b'a' - b'9' - 1) as u64
}
