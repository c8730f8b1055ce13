//! Writes bytes to memory words and reads words from bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;

pub(super) fn store(words: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

/// Words stored per loop iteration.
const BLOCK: usize = 8;

/// The prefix of a CRC: a number, and an optional second one.
pub type Head = (u64, Option<u32>);

/// Copies bytes to words like [`copy`], possibly with CPU instructions for which this crate would
/// need `unsafe`.
pub type Copying = fn(&[AtomicU64], Head, &[u8]) -> u32;

/// Copies bytes to words and pads the last word with zeros. Returns the CRC-32C of `head`,
/// little-endian, followed by the bytes.
#[must_use]
pub fn copy(words: &[AtomicU64], (first, second): Head, bytes: &[u8]) -> u32 {
    put_bytes(words, bytes);
    let mut crc = crc32c::crc32c(&first.to_le_bytes());
    if let Some(second) = second {
        crc = crc32c::crc32c_append(crc, &second.to_le_bytes());
    }
    crc32c::crc32c_append(crc, bytes)
}

/// As [`copy`], built from CRC-32C steps for 8, 4 and 1 byte without initial and final complement,
/// as x86-64 and aarch64 provide them. A word is in a register when it is stored, so the checksum
/// costs one more instruction.
///
/// Always inlined: the steps compile to single instructions only within a function that enables
/// them.
#[inline(always)]
#[must_use]
pub fn copy_by(
    words: &[AtomicU64],
    (first, second): Head,
    bytes: &[u8],
    (by_8, by_4, by_1): (
        impl Fn(u64, u64) -> u64,
        impl Fn(u64, u32) -> u64,
        impl Fn(u64, u8) -> u64,
    ),
) -> u32 {
    let mut crc = by_8(u64::from(!0_u32), first);
    if let Some(second) = second {
        crc = by_4(crc, second);
    }
    let Some((words, after)) = words.split_at_checked(bytes.len() / WORD) else {
        return 0;
    };
    let mut put = |chunk: &[u8; WORD], word: &AtomicU64| {
        let value = u64::from_le_bytes(*chunk);
        crc = by_8(crc, value);
        word.store(value, Ordering::Relaxed);
    };
    let (blocks, rest) = bytes.as_chunks::<{ BLOCK * WORD }>();
    let (target_blocks, target_rest) = words.as_chunks::<BLOCK>();
    for (block, target) in blocks.iter().zip(target_blocks) {
        // Constant lengths: the compiler unrolls eight times load, checksum, store.
        let chunks = block.as_chunks().0.iter();
        chunks
            .zip(target)
            .for_each(|(chunk, word)| put(chunk, word));
    }
    let (chunks, rest) = rest.as_chunks();
    let chunks = chunks.iter().zip(target_rest);
    chunks.for_each(|(chunk, word)| put(chunk, word));
    if let (false, Some(word)) = (rest.is_empty(), after.first()) {
        let mut value = last_word(bytes, rest);
        word.store(value, Ordering::Relaxed);
        if rest.len() >= 4 {
            crc = by_4(crc, value as u32);
            value >>= 32;
        }
        for _ in 0..rest.len() % 4 {
            crc = by_1(crc, value as u8);
            value >>= 8;
        }
    }
    !(crc as u32)
}

/// The last `rest` of up to 7 bytes, padded with zeros to a word.
#[inline]
fn last_word(bytes: &[u8], rest: &[u8]) -> u64 {
    match bytes.last_chunk() {
        // One load; the bytes before `rest` are shifted out.
        Some(last) => u64::from_le_bytes(*last) >> (8 * (WORD - rest.len())),
        None => rest
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// Copies bytes to words; pads the last word with zeros.
pub(super) fn put_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    for (chunk, word) in whole.iter().zip(words) {
        word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if let (false, Some(word)) = (rest.is_empty(), words.get(whole.len())) {
        word.store(last_word(bytes, rest), Ordering::Relaxed);
    }
}

/// As [`put_bytes`], starting at this byte offset; earlier bytes of the first word are kept.
#[inline]
pub(super) fn put_at(words: &[AtomicU64], at: usize, bytes: &[u8]) {
    let Some(words) = words.get(at / WORD..) else {
        return;
    };
    let shift = at % WORD;
    if shift == 0 {
        put_bytes(words, bytes);
        return;
    }
    let (front, back) = bytes.split_at(bytes.len().min(WORD - shift));
    if let Some(word) = words.first() {
        let mut whole = word.load(Ordering::Relaxed).to_le_bytes();
        for (to, from) in whole.iter_mut().skip(shift).zip(front) {
            *to = *from;
        }
        word.store(u64::from_le_bytes(whole), Ordering::Relaxed);
    }
    put_bytes(words.get(1..).unwrap_or_default(), back);
}

/// The word at this byte offset.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
