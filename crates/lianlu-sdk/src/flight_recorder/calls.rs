//! Calls that have started and not ended: a table of slots, one for each.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lianlu_wire::segment::{
    CALL_SLOT, FileKind, HEADER, WORD, append_call, free_call, put_call_by, put_header,
    put_heartbeat,
};

use super::map;
use super::storage::Region;

/// How many slots a thread fetches at once, and how many it keeps.
const PORTION: usize = 16;
const MOST_KEPT: usize = 64;

/// A slot that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    fn number(self) -> usize {
        self.0 as usize
    }
}

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
    /// How many bytes a table of so many slots has.
    pub(super) fn bytes(slots: usize) -> usize {
        HEADER + slots * CALL_SLOT
    }

    pub(super) fn new(region: Box<dyn Region>) -> Self {
        put_header(region.words(), FileKind::Calls, 1);
        let slots = (region.words().len() * WORD).saturating_sub(HEADER) / CALL_SLOT;
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
        if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            put_heartbeat(self.region.words(), nanos);
        }
    }

    /// Notes a call, see [`Recorder::note`](super::Recorder::note). `None` where there is no slot for it.
    #[inline]
    pub(super) fn note(
        &self,
        mine: &mut FreeSlots,
        scope: u16,
        fields: &[u8],
        attributes: usize,
    ) -> Option<Slot> {
        let slot = mine.0.pop().or_else(|| self.portion(mine))?;
        let words = self.region.words();
        put_call_by(map::copy, words, slot.number(), scope, fields, attributes);
        Some(slot)
    }

    /// Appends a field to a call, if it has room.
    pub(super) fn append(&self, slot: Slot, field: &[u8]) {
        append_call(self.region.words(), slot.number(), field);
    }

    /// The call has ended.
    #[inline]
    pub(super) fn release(&self, mine: &mut FreeSlots, slot: Slot) {
        free_call(self.region.words(), slot.number());
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

    /// Has the disk know of the calls.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.region.sync()
    }

    #[cold]
    fn portion(&self, mine: &mut FreeSlots) -> Option<Slot> {
        let mut free = self.free();
        let at = free.len().saturating_sub(PORTION);
        mine.0.extend(free.drain(at..));
        mine.0.pop()
    }

    fn free(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
