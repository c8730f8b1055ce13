//! Records.

use std::iter::FusedIterator;
use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;
use super::words::{Copying, copy, word};

/// What stands before a record's payload.
const RECORD: usize = 16;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum RecordKind {
    /// A resource's schema URL, and the encoded `Resource`.
    Resource = 1,
    /// A scope's schema URL, and the encoded `InstrumentationScope`.
    Scope = 2,
    /// `0x12 len Span`, of the scope that the record names.
    Span = 3,
}

impl RecordKind {
    fn of(number: u8) -> Option<Self> {
        [Self::Resource, Self::Scope, Self::Span]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// How many bytes a record of this payload takes.
#[inline]
#[must_use]
pub const fn record_len(payload: usize) -> usize {
    RECORD + payload.next_multiple_of(WORD)
}

/// Writes a record at this byte, which the caller knows to have room. It is there once its first word is.
pub fn put_record(
    words: &[AtomicU64],
    at: usize,
    generation: u32,
    kind: (RecordKind, u16),
    payload: &[u8],
) {
    put_record_by(copy, words, at, generation, kind, payload);
}

/// The same where there is something better than [`copy`].
#[inline]
pub fn put_record_by(
    copy: Copying,
    words: &[AtomicU64],
    at: usize,
    generation: u32,
    (kind, scope): (RecordKind, u16),
    payload: &[u8],
) {
    let length = payload.len() as u32;
    let tail = u32::from(kind as u8) | u32::from(scope) << 16;
    let Some([commit, second, rest @ ..]) = words.get(at / WORD..) else {
        return;
    };
    let first = u64::from(length) | u64::from(generation) << 32;
    let crc = copy(rest, (first, Some(tail)), payload);
    second.store(u64::from(crc) | u64::from(tail) << 32, Ordering::Relaxed);
    commit.store(first, Ordering::Release);
}

fn record_crc(first: u64, tail: u32, payload: &[u8]) -> u32 {
    let mut head = [0; 12];
    head[..8].copy_from_slice(&first.to_le_bytes());
    head[8..].copy_from_slice(&tail.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&head), payload)
}

/// A record, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Where it begins.
    pub at: usize,
    /// Where the next one does.
    pub next: usize,
    /// What it holds.
    pub kind: RecordKind,
    /// The number of the scope that it is, or belongs to.
    pub scope: u16,
    /// The rest.
    pub payload: &'a [u8],
}

/// The records of a file, or of a part of one, in their order. What is damaged is passed over and counted.
#[derive(Debug, Clone)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    generation: u32,
    /// Places at which one record or more are missing.
    damaged: u64,
    /// How many bytes may still be looked at in search of a record behind a damaged one: nobody gets to make this
    /// take for ever.
    patience: usize,
}

impl<'a> Records<'a> {
    /// From this byte on, which must be where a record begins.
    pub fn new(bytes: &'a [u8], at: usize, generation: u32) -> Self {
        Self {
            bytes,
            at,
            generation,
            damaged: 0,
            patience: bytes.len().saturating_mul(8),
        }
    }

    /// At how many places one record or more were damaged, of those that it has come by.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next whole record behind this place.
    fn search(&mut self) -> Option<Record<'a>> {
        let from = self.at + WORD;
        let words = self.bytes.get(from..)?.as_chunks::<WORD>().0;
        for (number, chunk) in words.iter().enumerate() {
            let first = u64::from_le_bytes(*chunk);
            if (first >> 32) as u32 != self.generation || first == 0 {
                continue;
            }
            let cost = RECORD + first as u32 as usize;
            self.patience = self.patience.checked_sub(cost.min(self.bytes.len()))?;
            if let Some(found) = record(self.bytes, from + number * WORD, self.generation) {
                return Some(found);
            }
        }
        None
    }

    /// Whether a record was here, or the beginning of one, before something happened to it.
    fn is_damage(&self) -> bool {
        let first = word(self.bytes, self.at).unwrap_or_default();
        if first == 0 {
            return false;
        }
        // A word of an earlier generation is the end; one that was ours until a bit of it changed is not.
        (first >> 32) as u32 == self.generation
            || record_as(self.bytes, self.at, first, self.generation).is_some()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let found = match record(self.bytes, self.at, self.generation) {
            Some(found) => found,
            None => {
                let is_damage = self.is_damage();
                let found = self.search();
                self.damaged += u64::from(found.is_some() || is_damage);
                let Some(found) = found else {
                    self.at = self.bytes.len();
                    return None;
                };
                found
            }
        };
        self.at = found.next;
        Some(found)
    }
}

impl FusedIterator for Records<'_> {}

/// The whole record of this generation at this byte.
pub(super) fn record(bytes: &[u8], at: usize, generation: u32) -> Option<Record<'_>> {
    let first = word(bytes, at)?;
    ((first >> 32) as u32 == generation && generation != 0)
        .then(|| record_as(bytes, at, first, generation))?
}

/// The same, if it had this generation.
fn record_as(bytes: &[u8], at: usize, first: u64, generation: u32) -> Option<Record<'_>> {
    let length = first as u32;
    let second = word(bytes, at + WORD)?;
    let payload = bytes.get(at + RECORD..)?.get(..length as usize)?;
    let (crc, tail) = (second as u32, (second >> 32) as u32);
    let first = u64::from(length) | u64::from(generation) << 32;
    if crc != record_crc(first, tail, payload) {
        return None;
    }
    Some(Record {
        at,
        next: at + record_len(payload.len()),
        kind: RecordKind::of(tail as u8)?,
        scope: (tail >> 16) as u16,
        payload,
    })
}
