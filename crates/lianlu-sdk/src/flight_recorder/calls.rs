//! Calls in flight: a table of slots, one for each call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lianlu_wire::segment::{
    CALL_SLOT, FileKind, HEADER, WORD, append_call, free_call, put_call_by, put_header,
    put_heartbeat,
};

use super::map;
use super::storage::Region;

/// Number of slots that a thread fetches at once, and that it keeps at most.
const FETCHED_SLOTS: usize = 16;
const MAX_KEPT: usize = 64;

/// A slot in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    fn number(self) -> usize {
        self.0 as usize
    }
}

/// The free slots of a thread.
#[derive(Debug, Default)]
pub(crate) struct FreeSlots(Vec<Slot>);

/// The table of slots.
#[derive(Debug)]
pub(super) struct Calls {
    region: Box<dyn Region>,
    free: Mutex<Vec<Slot>>,
}

impl Calls {
    /// Size in bytes of a table with this many slots.
    pub(super) fn bytes(slots: usize) -> usize {
        HEADER + slots * CALL_SLOT
    }

    pub(super) fn new(region: Box<dyn Region>) -> Self {
        put_header(region.words(), FileKind::Calls, 1);
        let slots = (region.words().len() * WORD).saturating_sub(HEADER) / CALL_SLOT;
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        let calls = Self {
            region,
            // Ascending numbers are handed out.
            free: Mutex::new((0..slots).rev().map(Slot).collect()),
        };
        calls.update_heartbeat();
        calls
    }

    /// Updates the heartbeat.
    pub(super) fn update_heartbeat(&self) {
        if let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) {
            let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            put_heartbeat(self.region.words(), nanos);
        }
    }

    /// Writes an open call, see [`Recorder::note`](super::Recorder::note). `None` if no slot is
    /// free.
    #[inline]
    pub(super) fn note(
        &self,
        thread_slots: &mut FreeSlots,
        scope: u16,
        fields: &[u8],
        attributes: usize,
    ) -> Option<Slot> {
        let slot = thread_slots
            .0
            .pop()
            .or_else(|| self.fetch_slots(thread_slots))?;
        let words = self.region.words();
        put_call_by(map::copy, words, slot.number(), scope, fields, attributes);
        Some(slot)
    }

    /// Appends a field to a call, if it fits.
    pub(super) fn append(&self, slot: Slot, field: &[u8]) {
        append_call(self.region.words(), slot.number(), field);
    }

    /// Frees the slot of a call that has ended.
    #[inline]
    pub(super) fn release(&self, thread_slots: &mut FreeSlots, slot: Slot) {
        free_call(self.region.words(), slot.number());
        thread_slots.0.push(slot);
        if thread_slots.0.len() > MAX_KEPT {
            let more = thread_slots.0.split_off(MAX_KEPT / 2);
            self.free().extend(more);
        }
    }

    /// Takes back the free slots of a thread.
    pub(super) fn take_back(&self, thread_slots: &mut FreeSlots) {
        if !thread_slots.0.is_empty() {
            self.free().append(&mut thread_slots.0);
        }
    }

    /// Writes the table to the disk.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        self.region.sync()
    }

    #[cold]
    fn fetch_slots(&self, thread_slots: &mut FreeSlots) -> Option<Slot> {
        let mut free = self.free();
        let at = free.len().saturating_sub(FETCHED_SLOTS);
        thread_slots.0.extend(free.drain(at..));
        thread_slots.0.pop()
    }

    fn free(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
