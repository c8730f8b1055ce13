//! Records spans and hands them over to the workers.

use std::sync::Arc;

use super::Shared;
use crate::encode::EncodedScope;
use crate::flight_recorder::Slot;
use crate::pipeline::event::PipelineEvent;
use crate::pipeline::item::Item;
use crate::pipeline::lane::{HandOff, LaneState};
use crate::pipeline::starts::Counted;
use crate::sync::atomic::Ordering;

/// A longer run is handed over, even if it has few spans.
const MAX_RUN_BYTES: usize = 512 * 1024;

impl Shared {
    /// Counts a started span.
    #[inline]
    pub(crate) fn count(&self, counted: Counted) {
        if !self.fork_guard.is_forked_child() {
            self.lanes.with(|lane| lane.count(counted));
        }
    }

    /// Records an open call, in case the process dies before it ends: `write` appends the fields of
    /// a `Span` and returns the offset of its attributes.
    #[inline]
    pub(crate) fn note(
        &self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> Option<Slot> {
        let recorder = self.recorder.get()?;
        if self.fork_guard.is_forked_child() || self.stopping.load(Ordering::Relaxed) {
            return None;
        }
        self.lanes
            .with(|lane| lane.lock().note(recorder, scope, write))
    }

    /// Whether open calls are recorded.
    #[inline]
    pub(crate) fn takes_notes(&self) -> bool {
        self.recorder.get().is_some()
    }

    /// Adds a field to an open call.
    pub(crate) fn note_more(&self, slot: Slot, field: &[u8]) {
        if let Some(recorder) = self.recorder.get()
            && !self.fork_guard.is_forked_child()
        {
            recorder.note_more(slot, field);
        }
    }

    /// Records an ended sampled span: `write` appends it as `0x12 len Span`.
    #[inline]
    pub(crate) fn record(
        &self,
        scope: &Arc<EncodedScope>,
        slot: Option<Slot>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        // After a fork, the locks may be held by threads that the child does not have.
        if self.fork_guard.is_forked_child() {
            return;
        }
        let is_full = self.lanes.with(|lane| {
            let mut state = lane.lock();
            state.totals.ended += 1;
            let is_full = self.take(&mut state, scope, write);
            // Released last: if the process dies in between, both the span and the open call exist,
            // and readers take the span.
            if let (Some(slot), Some(recorder)) = (slot, self.recorder.get()) {
                recorder.release(&mut state.slots, slot);
            }
            is_full
        });
        if is_full {
            self.announce_queue_full();
        }
    }

    /// Returns whether the queue was full.
    #[inline]
    fn take(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        // Checked under the lock: the last visit of a worker happens after the flag is set.
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
            Some(length) if state.spans() >= self.limits.batch_size || length >= MAX_RUN_BYTES => {
                !self.hand_over(state)
            }
            Some(_) => false,
        }
    }

    /// Keeps a span in memory; returns the size of the lane, or `None` if the budget is exhausted.
    #[inline]
    fn keep(
        &self,
        state: &mut LaneState,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<usize> {
        if state.credit == 0 {
            state.credit = self.reserve_spans();
            if state.credit == 0 {
                state.totals.queue_full += 1;
                return None;
            }
        }
        state.credit -= 1;
        Some(state.append(scope, write))
    }

    /// Hands a thread's spans over to the workers, if the budget allows it. The lane is locked, see
    /// [`next`](Self::next).
    #[cold]
    fn hand_over(&self, state: &mut LaneState) -> bool {
        let fits = self.admit(state);
        let hand_off = state.take(|| self.resource(), &self.budget);
        self.push(self.items(hand_off));
        fits
    }

    /// Adds the bytes of a lane to the budget. If it is exhausted, the lane's spans are dropped.
    pub(super) fn admit(&self, state: &mut LaneState) -> bool {
        let bytes = state.bytes_in_memory();
        let mut fits = self.budget.try_add_bytes(bytes);
        while !fits && self.drop_oldest() {
            fits = self.budget.try_add_bytes(bytes);
        }
        if !fits {
            // Few but large spans: these are the newest, and a thread must not hold more.
            let spans = state.clear();
            state.totals.queue_full += spans as u64;
            state.credit += spans;
        }
        fits
    }

    /// Converts a lane's hand-off to items.
    pub(super) fn items(&self, hand_off: HandOff) -> impl Iterator<Item = Item> {
        let HandOff { runs, parts } = hand_off;
        let parts = parts
            .into_iter()
            .zip(std::iter::repeat(self.recorder.get()));
        let part =
            |(part, recorder): (_, Option<_>)| Some(Item::part(part, recorder?, &self.budget));
        let memory = (!runs.is_empty()).then(|| Item::memory(runs, &self.budget));
        parts.filter_map(part).chain(memory)
    }

    /// Queues items. Wakes idle workers, and polling ones if the budget is running low.
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
        let must_wake = state.idle > 0 || state.polling > 0 && !self.budget.is_half_free();
        // After unlocking, so that the workers do not wake up to wait for the lock.
        drop(state);
        if must_wake {
            self.work.notify_all();
        }
    }

    /// Reserves a portion of the remaining budget; 0 if it is exhausted. The lane is locked.
    #[cold]
    fn reserve_spans(&self) -> usize {
        let (mut portion, is_scarce) = self.budget.reserve();
        while portion == 0 && (self.reclaim_credit() || self.drop_oldest()) {
            (portion, _) = self.budget.reserve();
        }
        if is_scarce && !self.low_budget_notified.swap(true, Ordering::Relaxed) {
            self.lock().is_budget_low = true;
            self.work.notify_all();
        }
        portion
    }

    /// Takes back the unused credit of other threads. Returns whether there was any.
    #[cold]
    fn reclaim_credit(&self) -> bool {
        let spans = if self.budget.take_has_lent() {
            self.lanes.reclaim_credit()
        } else {
            0
        };
        self.budget.release(spans, 0);
        spans > 0
    }

    /// Drops the oldest item in memory that some destinations wait for and another has received.
    /// Returns whether there was one.
    #[cold]
    fn drop_oldest(&self) -> bool {
        // Reset before the search: items settled during the search count for the next one.
        if !self.may_drop_oldest.swap(false, Ordering::AcqRel) {
            return false;
        }
        let item = self.lock().drop_oldest();
        let is_dropped = item.is_some();
        if is_dropped {
            self.may_drop_oldest.store(true, Ordering::Release);
            self.has_dropped_oldest.store(true, Ordering::Relaxed);
        }
        is_dropped
    }

    #[cold]
    pub(super) fn announce_queue_full(&self) {
        if !self.queue_full_announced.swap(true, Ordering::Relaxed) {
            self.announce(&PipelineEvent::QueueFull {
                queue_size: self.limits.queue_size,
                queue_bytes: self.limits.queue_bytes,
            });
        }
    }
}
