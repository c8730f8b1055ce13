//! Calls that have started and not ended: a table of slots, one for each.
//!
//! ```text
//! 0        4     8        10             16
//! ├ length ┼ crc ┼ scope ─┼ 0 …          ┼ fields of a Span, without its end ┄ to 1024
//! ```
//!
//! The first eight bytes are one store, and come last: a slot is there as a whole or not at all. Zero is a free slot. What
//! users set while the call runs is appended, and the first word replaced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lianlu_wire::otlp::Attributes;

use super::format::{self, AT_HEARTBEAT, FileKind, HEADER};
use super::map::WORD;
use super::storage::Region;

/// How many bytes a slot has.
pub(super) const SLOT: usize = 1024;
/// What stands before the fields.
const HEAD: usize = 16;
/// How many slots a thread fetches at once, and how many it keeps.
const PORTION: usize = 16;
const MOST_KEPT: usize = 64;

/// A slot that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// A thread's free slots.
#[derive(Debug, Default)]
pub(crate) struct FreeSlots(Vec<Slot>);

/// The table.
#[derive(Debug)]
pub(super) struct Calls {
    region: Box<dyn Region>,
    free: Mutex<Vec<Slot>>,
}

impl Calls {
    pub(super) fn new(region: Box<dyn Region>) -> Self {
        format::put_header(region.words(), FileKind::Calls, 1);
        let slots = (region.words().len() * WORD).saturating_sub(HEADER) / SLOT;
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        let calls = Self {
            region,
            // The first ones are handed out first.
            free: Mutex::new((0..slots).rev().map(Slot).collect()),
        };
        calls.beat();
        calls
    }

    /// Says that the process lives.
    pub(super) fn beat(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        if let (Ok(now), Some(word)) = (now, self.region.words().get(AT_HEARTBEAT)) {
            let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            word.store(nanos, Ordering::Relaxed);
        }
    }

    fn words(&self, slot: Slot) -> Option<(&AtomicU64, &AtomicU64, &[AtomicU64])> {
        let at = (HEADER + slot.0 as usize * SLOT) / WORD;
        match self.region.words().get(at..)?.get(..SLOT / WORD)? {
            [commit, scope, fields @ ..] => Some((commit, scope, fields)),
            _ => None,
        }
    }

    /// Notes a call: the fields of a `Span`, and as many of its attributes as there is room for. `None` where there is
    /// no slot for it.
    pub(super) fn note(
        &self,
        mine: &mut FreeSlots,
        scope: u16,
        head: &[u8],
        attributes: &[u8],
    ) -> Option<Slot> {
        let slot = mine.0.pop().or_else(|| self.portion(mine))?;
        let (commit, second, words) = self.words(slot)?;
        let scope = u64::from(scope);
        second.store(scope, Ordering::Relaxed);
        let mut crc = crc32c::crc32c(&scope.to_le_bytes());
        let mut length = 0;
        let mut put = |fields: &[u8]| {
            put_at(words, length, fields);
            length += fields.len();
            crc = crc32c::crc32c_append(crc, fields);
            SLOT - HEAD - length
        };
        let mut room = put(head.get(..SLOT - HEAD).unwrap_or(head));
        if attributes.len() <= room {
            put(attributes);
        } else {
            for attribute in Attributes::new(attributes).map_while(Result::ok) {
                if attribute.framed.len() <= room {
                    room = put(attribute.framed);
                }
            }
        }
        commit.store(length as u64 | u64::from(crc) << 32, Ordering::Release);
        Some(slot)
    }

    /// Appends a field to a call, if it has room.
    pub(super) fn append(&self, slot: Slot, field: &[u8]) {
        let Some((commit, _, words)) = self.words(slot) else {
            return;
        };
        let before = commit.load(Ordering::Relaxed);
        let (length, crc) = (before as u32 as usize, (before >> 32) as u32);
        if length + field.len() <= SLOT - HEAD {
            put_at(words, length, field);
            let crc = crc32c::crc32c_append(crc, field);
            let length = length + field.len();
            commit.store(length as u64 | u64::from(crc) << 32, Ordering::Release);
        }
    }

    /// The call has ended.
    #[inline]
    pub(super) fn release(&self, mine: &mut FreeSlots, slot: Slot) {
        if let Some((commit, ..)) = self.words(slot) {
            commit.store(0, Ordering::Release);
        }
        mine.0.push(slot);
        if mine.0.len() > MOST_KEPT {
            let more = mine.0.split_off(MOST_KEPT / 2);
            self.free().extend(more);
        }
    }

    /// Takes back what a thread has and does not need.
    pub(super) fn take_back(&self, mine: &mut FreeSlots) {
        if !mine.0.is_empty() {
            self.free().append(&mut mine.0);
        }
    }

    #[cold]
    fn portion(&self, mine: &mut FreeSlots) -> Option<Slot> {
        let mut free = self.free();
        let at = free.len().saturating_sub(PORTION);
        mine.0.extend(free.drain(at..));
        mine.0.pop()
    }

    fn free(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies bytes into words from this byte on, and leaves the bytes before as they are.
#[inline]
fn put_at(words: &[AtomicU64], at: usize, bytes: &[u8]) {
    let Some(words) = words.get(at / WORD..) else {
        return;
    };
    let shift = at % WORD;
    if shift == 0 {
        format::put_bytes(words, bytes);
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
    format::put_bytes(words.get(1..).unwrap_or_default(), back);
}

/// The calls of a file that had not ended: each with its scope and its fields. What is damaged is counted.
pub(super) fn read(bytes: &[u8]) -> (Vec<(u16, &[u8])>, u64) {
    let mut damaged = 0;
    let mut calls = Vec::new();
    for slot in bytes.get(HEADER..).unwrap_or_default().chunks(SLOT) {
        let Some(([commit, scope], fields)) =
            slot.split_first_chunk::<HEAD>().map(|(head, rest)| {
                let (words, _) = head.as_chunks::<WORD>();
                (
                    [words.first(), words.get(1)].map(|word| word.copied().unwrap_or_default()),
                    rest,
                )
            })
        else {
            continue;
        };
        let first = u64::from_le_bytes(commit);
        if first == 0 {
            continue;
        }
        let (length, wanted) = (first as u32 as usize, (first >> 32) as u32);
        match fields.get(..length) {
            Some(fields) if crc32c::crc32c_append(crc32c::crc32c(&scope), fields) == wanted => {
                calls.push((u64::from_le_bytes(scope) as u16, fields));
            }
            _ => damaged += 1,
        }
    }
    (calls, damaged)
}
