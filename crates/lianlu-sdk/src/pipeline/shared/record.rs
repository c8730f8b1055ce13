//! A thread's way to the workers.

use std::sync::Arc;

use super::Shared;
use crate::encode::EncodedScope;
use crate::flight_recorder::Slot;
use crate::pipeline::item::Item;
use crate::pipeline::lane::{Handed, LaneState};
use crate::pipeline::notice::PipelineEvent;
use crate::sync::atomic::Ordering;

/// A run that is longer is handed over, however few spans it has.
const LONGEST_RUN: usize = 512 * 1024;

impl Shared {
    /// Counts a sampled span that starts.
    #[inline]
    pub(crate) fn count_started(&self) {
        if !self.home.is_left() {
            self.lanes.with(|lane| lane.count_started());
        }
    }

    /// Notes a call that starts, for the case that the process does not live to see its end: `write` appends the fields of
    /// a `Span`, and gives where its attributes begin.
    #[inline]
    pub(crate) fn note(
        &self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> Option<Slot> {
        let recorder = self.recorder.get()?;
        if self.home.is_left() || self.stopping.load(Ordering::Relaxed) {
            return None;
        }
        self.lanes
            .with(|lane| lane.lock().note(recorder, scope, write))
    }

    /// Whether calls are noted at all.
    #[inline]
    pub(crate) fn takes_notes(&self) -> bool {
        self.recorder.get().is_some()
    }

    /// Adds a field to a call's note.
    pub(crate) fn note_more(&self, slot: Slot, field: &[u8]) {
        if let Some(recorder) = self.recorder.get()
            && !self.home.is_left()
        {
            recorder.note_more(slot, field);
        }
    }

    /// Takes a sampled span that has ended: `write` appends it as `0x12 len Span`.
    #[inline]
    pub(crate) fn record(
        &self,
        scope: &Arc<EncodedScope>,
        slot: Option<Slot>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        // The locks of a child process may be held by threads that it does not have.
        if self.home.is_left() {
            return;
        }
        let is_full = self.lanes.with(|lane| {
            let mut state = lane.lock();
            state.totals.ended += 1;
            let is_full = self.take(&mut state, scope, write);
            // Afterwards: a process that dies in between leaves the span and its note, and readers take the span.
            if let (Some(slot), Some(recorder)) = (slot, self.recorder.get()) {
                recorder.release(&mut state.slots, slot);
            }
            is_full
        });
        if is_full {
            self.say_full();
        }
    }

    /// Whether there was no room for the span.
    #[inline]
    fn take(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        // Under the lock: the last visit of a worker comes after the flag.
        if self.stopping.load(Ordering::Acquire) {
            state.totals.after_shutdown += 1;
            return false;
        }
        let length = match self.recorder.get() {
            None => self.keep(state, scope, write),
            Some(recorder) => match state.record(recorder, scope, write) {
                Ok(length) => Some(length),
                Err(span) => {
                    let length = self.keep(state, scope, |out| out.extend_from_slice(&span));
                    state.keep_scratch(span);
                    length
                }
            },
        };
        match length {
            None => true,
            Some(length) if state.spans() >= self.limits.batch_size || length >= LONGEST_RUN => {
                !self.hand_over(state)
            }
            Some(_) => false,
        }
    }

    /// Keeps a span in memory, and gives how long its run is then. `None` if there is no room.
    #[inline]
    fn keep(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<usize> {
        if state.credit == 0 {
            state.credit = self.ask_for_room();
            if state.credit == 0 {
                state.totals.queue_full += 1;
                return None;
            }
        }
        state.credit -= 1;
        Some(state.append(scope, write))
    }

    /// Gives a thread's spans to the workers, if there is room. The lane is locked, see [`next`](Self::next).
    #[cold]
    fn hand_over(&self, state: &mut LaneState) -> bool {
        let has_room = self.admit(state);
        let handed = state.take(|| self.resource(), &self.room);
        self.push(self.items(handed));
        has_room
    }

    /// Makes sure that there is room for the bytes that a thread hands over. If there isn't, they are dropped.
    pub(super) fn admit(&self, state: &mut LaneState) -> bool {
        let bytes = state.bytes_in_memory();
        let mut has_room = self.room.admit(bytes);
        while !has_room && self.make_room() {
            has_room = self.room.admit(bytes);
        }
        if !has_room {
            // Few spans, but large ones: these are the newest, and nobody may hold more.
            let spans = state.clear();
            state.totals.queue_full += spans as u64;
            state.credit += spans;
        }
        has_room
    }

    /// What a lane has handed over, as the destinations have it.
    pub(super) fn items(&self, handed: Handed) -> impl Iterator<Item = Item> {
        let Handed { runs, parts } = handed;
        let parts = parts
            .into_iter()
            .zip(std::iter::repeat(self.recorder.get()));
        let part = |(part, recorder): (_, Option<_>)| Some(Item::part(part, recorder?, &self.room));
        let memory = (!runs.is_empty()).then(|| Item::memory(runs, &self.room));
        parts.filter_map(part).chain(memory)
    }

    /// Wakes those who wait for something to do, and who nap if there is no time for that.
    pub(super) fn push(&self, items: impl IntoIterator<Item = Item>) {
        let mut state = self.lock();
        for mut item in items {
            item.number = state.pushed;
            state.pushed += 1;
            let item = Arc::new(item);
            for (number, destination) in state.destinations.iter_mut().enumerate() {
                destination.push(number, &item);
            }
        }
        let is_waited_for = state.idle > 0 || state.napping > 0 && !self.room.is_wide();
        // Or they would wake to wait for the lock.
        drop(state);
        if is_waited_for {
            self.work.notify_all();
        }
    }

    /// A portion of the room that is left; 0 if there is none. The lane is locked.
    #[cold]
    fn ask_for_room(&self) -> usize {
        let (mut portion, is_scarce) = self.room.ask();
        while portion == 0 && (self.call_in() || self.make_room()) {
            (portion, _) = self.room.ask();
        }
        if is_scarce && !self.pressed.swap(true, Ordering::Relaxed) {
            self.lock().is_pressed = true;
            self.work.notify_all();
        }
        portion
    }

    /// Takes back the room that other threads have and don't use. Gives whether there was some.
    #[cold]
    fn call_in(&self) -> bool {
        let spans = if self.room.may_be_lent() {
            self.lanes.take_credit()
        } else {
            0
        };
        self.room.give_back(spans, 0);
        spans > 0
    }

    /// Drops the oldest item in memory that some destinations wait for and another has. Gives whether there was one.
    #[cold]
    fn make_room(&self) -> bool {
        // Before one looks: what is settled meanwhile is for the next time.
        if !self.may_make_room.swap(false, Ordering::AcqRel) {
            return false;
        }
        let item = self.lock().make_room();
        let is_made = item.is_some();
        if is_made {
            self.may_make_room.store(true, Ordering::Release);
            self.has_made_room.store(true, Ordering::Relaxed);
        }
        is_made
    }

    #[cold]
    pub(super) fn say_full(&self) {
        if !self.queue_full_said.swap(true, Ordering::Relaxed) {
            self.announce(&PipelineEvent::QueueFull {
                queue_size: self.limits.queue_size,
                queue_bytes: self.limits.queue_bytes,
            });
        }
    }
}
