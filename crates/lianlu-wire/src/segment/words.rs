//! Memory as words, and words out of bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;

pub(super) fn store(words: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = words.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

/// Words that are stored in one go round.
const BLOCK: usize = 4;

/// Copies bytes into words; the last word is filled up with zeros.
#[inline]
pub(super) fn put_bytes(words: &[AtomicU64], bytes: &[u8]) {
    let (blocks, rest) = bytes.as_chunks::<{ BLOCK * WORD }>();
    let (places, _) = words.as_chunks::<BLOCK>();
    for (block, place) in blocks.iter().zip(places) {
        // Known lengths: this is four loads and four stores.
        for (chunk, word) in block.as_chunks::<WORD>().0.iter().zip(place) {
            word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
        }
    }
    let mut words = words.iter().skip(BLOCK * blocks.len());
    let (whole, rest) = rest.as_chunks::<WORD>();
    // In this order: the iterator that ends first must not cost the other an element.
    for (chunk, word) in whole.iter().zip(&mut words) {
        word.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty()
        && let Some(word) = words.next()
    {
        let mut last = [0; WORD];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        word.store(u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

/// The same from this byte on; the bytes of the first word before that are left as they are.
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

/// The word at this byte.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
