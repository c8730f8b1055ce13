//! Records.

use std::iter::FusedIterator;
use std::sync::atomic::{AtomicU64, Ordering};

use super::WORD;
use super::words::{Copying, copy, word};

/// Bytes before a record's payload.
const RECORD: usize = 16;

/// The content of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum RecordKind {
    /// A resource's schema URL and the encoded `Resource`.
    Resource = 1,
    /// A scope's schema URL and the encoded `InstrumentationScope`.
    Scope = 2,
    /// `0x12 len Span`, of the scope named by the record.
    Span = 3,
}

impl RecordKind {
    fn of(number: u8) -> Option<Self> {
        [Self::Resource, Self::Scope, Self::Span]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// Size in bytes of a record with this payload.
#[inline]
#[must_use]
pub const fn record_len(payload: usize) -> usize {
    RECORD + payload.next_multiple_of(WORD)
}

/// Writes a record at this byte offset, where the caller has ensured enough space. The first word
/// is written last and makes it valid.
pub fn put_record(
    words: &[AtomicU64],
    at: usize,
    generation: u32,
    kind: (RecordKind, u16),
    payload: &[u8],
) {
    put_record_by(copy, words, at, generation, kind, payload);
}

/// As [`put_record`], with a replacement for [`copy`].
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

/// A parsed record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Offset of the record.
    pub at: usize,
    /// Offset of the next record.
    pub next: usize,
    /// The kind of record.
    pub kind: RecordKind,
    /// The number of the scope that it defines or belongs to.
    pub scope: u16,
    /// The payload.
    pub payload: &'a [u8],
}

/// The records of a file, or of a part of one, in order. Damaged records are skipped and counted.
#[derive(Debug, Clone)]
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    generation: u32,
    /// Number of places at which at least one record is damaged.
    damaged: u64,
    /// How many more bytes the search for a record after damage may read. Bounds the time for
    /// malicious input.
    search_budget: usize,
}

impl<'a> Records<'a> {
    /// Starts at this byte offset, which must be the start of a record.
    pub fn new(bytes: &'a [u8], at: usize, generation: u32) -> Self {
        Self {
            bytes,
            at,
            generation,
            damaged: 0,
            search_budget: bytes.len().saturating_mul(8),
        }
    }

    /// Number of places passed so far at which at least one record is damaged.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next valid record after this position.
    fn find_next(&mut self) -> Option<Record<'a>> {
        let from = self.at + WORD;
        let words = self.bytes.get(from..)?.as_chunks::<WORD>().0;
        for (number, chunk) in words.iter().enumerate() {
            let first = u64::from_le_bytes(*chunk);
            if (first >> 32) as u32 != self.generation || first == 0 {
                continue;
            }
            let cost = RECORD + first as u32 as usize;
            self.search_budget = self.search_budget.checked_sub(cost.min(self.bytes.len()))?;
            if let Some(found) = record(self.bytes, from + number * WORD, self.generation) {
                return Some(found);
            }
        }
        None
    }

    /// Whether this position held a record, or the start of one, that was damaged.
    fn is_damage(&self) -> bool {
        let first = word(self.bytes, self.at).unwrap_or_default();
        if first == 0 {
            return false;
        }
        // A word of an earlier generation is the end; a word of this generation with a flipped bit
        // is damage.
        (first >> 32) as u32 == self.generation
            || record_of_generation(self.bytes, self.at, first, self.generation).is_some()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let found = match record(self.bytes, self.at, self.generation) {
            Some(found) => found,
            None => {
                let is_damage = self.is_damage();
                let found = self.find_next();
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

/// The valid record of this generation at this byte offset.
pub(super) fn record(bytes: &[u8], at: usize, generation: u32) -> Option<Record<'_>> {
    let first = word(bytes, at)?;
    ((first >> 32) as u32 == generation && generation != 0)
        .then(|| record_of_generation(bytes, at, first, generation))?
}

/// As [`record`], assuming that the first word has this generation.
fn record_of_generation(
    bytes: &[u8],
    at: usize,
    first: u64,
    generation: u32,
) -> Option<Record<'_>> {
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
