//! The buffer of one thread.

use std::sync::{Arc, PoisonError};

use super::budget::QueueBudget;
use super::run::Run;
use super::starts::{Counted, Counters};
use crate::encode::{EncodedResource, EncodedScope};
use crate::flight_recorder::{FreeSlots, NO_SCOPE, Part, Recorder, Slot, Writer};
use crate::sync::{self, Mutex, MutexGuard};

/// A larger scratch buffer is freed after use.
const MAX_SCRATCH: usize = 16 * 1024;

/// The buffers of one thread. Only the worker locks it occasionally, so the lock is uncontended.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Spans started on this thread.
    pub(super) starts: Counters,
    /// Whether several threads share it: threads that are ending, which no longer have their own
    /// lane.
    is_shared: bool,
    state: Mutex<LaneState>,
}

#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// One for each scope that the thread has used.
    runs: Vec<RunBuilder>,
    /// Number and size of the spans in the runs.
    in_memory: usize,
    bytes: usize,
    /// Number of spans that the thread may add before it must reserve more.
    pub(super) credit: usize,
    /// With a flight recorder: the segment that the thread writes to, the parts written to earlier
    /// segments, and the number of spans in both.
    writer: Option<Writer>,
    parts: Vec<Part>,
    on_disk: usize,
    /// Free slots for calls.
    pub(super) slots: FreeSlots,
    /// A span or an open call before it is written to the file.
    scratch: Vec<u8>,
    pub(super) totals: LaneTotals,
}

/// A run that is being filled: spans of one scope, each as `0x12 len Span`.
#[derive(Debug)]
struct RunBuilder {
    scope: Arc<EncodedScope>,
    bytes: Vec<u8>,
    spans: usize,
}

/// The spans that a thread hands over.
#[derive(Debug, Default)]
pub(super) struct HandOff {
    pub(super) runs: Vec<Run>,
    pub(super) parts: Vec<Part>,
}

/// Monotonic counts of a lane.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct LaneTotals {
    pub(super) ended: u64,
    pub(super) queue_full: u64,
    pub(super) after_shutdown: u64,
    /// Written to a segment.
    pub(super) recorded: u64,
}

impl LaneTotals {
    pub(super) fn add(&mut self, other: Self) {
        self.ended += other.ended;
        self.queue_full += other.queue_full;
        self.after_shutdown += other.after_shutdown;
        self.recorded += other.recorded;
    }
}

impl Lane {
    pub(super) fn shared() -> Self {
        Self {
            is_shared: true,
            ..Self::default()
        }
    }

    #[inline]
    pub(super) fn count(&self, counted: Counted) {
        self.starts.count(counted, self.is_shared);
    }

    /// Code that holds this lock does not panic half-way, so the state of a poisoned lock is
    /// consistent.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks it unless another thread holds the lock.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, LaneState>> {
        sync::free(self.state.try_lock())
    }
}

impl LaneState {
    /// Number of waiting spans.
    pub(super) fn spans(&self) -> usize {
        self.in_memory + self.on_disk
    }

    /// Appends a span to the run of its scope; returns the size of all spans in memory.
    #[inline]
    pub(super) fn append(
        &mut self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        self.in_memory += 1;
        // There are few scopes, usually the same ones.
        let same = |run: &&mut RunBuilder| Arc::ptr_eq(&run.scope, scope);
        if let Some(run) = self.runs.iter_mut().find(same) {
            let before = run.bytes.len();
            write(&mut run.bytes);
            run.spans += 1;
            self.bytes += run.bytes.len() - before;
            return self.bytes;
        }
        let mut bytes = Vec::new();
        write(&mut bytes);
        self.bytes += bytes.len();
        self.runs.push(RunBuilder {
            scope: Arc::clone(scope),
            bytes,
            spans: 1,
        });
        self.bytes
    }

    /// Writes an open call: `write` appends the fields of a `Span` and returns the offset of its
    /// attributes.
    #[inline]
    pub(super) fn note(
        &mut self,
        recorder: &Recorder,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>) -> usize,
    ) -> Option<Slot> {
        self.scratch.clear();
        let attributes = write(&mut self.scratch);
        recorder.note(&mut self.slots, scope, &self.scratch, attributes)
    }

    /// Appends a span to the thread's segment; returns the bytes not yet handed over, or the span
    /// if there is no segment for it.
    pub(super) fn record(
        &mut self,
        recorder: &Recorder,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Result<usize, Vec<u8>> {
        self.scratch.clear();
        write(&mut self.scratch);
        let number = recorder.scope(scope);
        if number == NO_SCOPE || !self.write(recorder, number) {
            return Err(std::mem::take(&mut self.scratch));
        }
        if self.scratch.capacity() > MAX_SCRATCH {
            self.scratch = Vec::new();
        }
        self.on_disk += 1;
        self.totals.recorded += 1;
        Ok(self.writer.as_ref().map_or(0, Writer::bytes))
    }

    pub(super) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= MAX_SCRATCH {
            self.scratch = scratch;
        }
    }

    /// Appends `scratch` to the segment.
    #[inline]
    fn write(&mut self, recorder: &Recorder, scope: u16) -> bool {
        let writer = self.writer.as_mut();
        writer.is_some_and(|writer| writer.append(scope, &self.scratch))
            || self.write_to_next_segment(recorder, scope)
    }

    /// Writes to another segment, if one is prepared.
    #[cold]
    fn write_to_next_segment(&mut self, recorder: &Recorder, scope: u16) -> bool {
        self.return_writer(recorder);
        self.writer = recorder.take();
        let writer = self.writer.as_mut();
        writer.is_some_and(|writer| writer.append(scope, &self.scratch))
    }

    /// Returns the segment; its unsent part is handed over with the others.
    #[cold]
    fn return_writer(&mut self, recorder: &Recorder) {
        if let Some(mut writer) = self.writer.take() {
            self.parts.extend(writer.take());
            recorder.give_back(writer);
        }
    }

    /// Releases the segment and free slots of a thread that has ended or is idle.
    pub(super) fn release_idle(&mut self, recorder: &Recorder, has_ended: bool) {
        let is_idle = self.writer.as_mut().is_some_and(Writer::was_idle);
        if has_ended || is_idle {
            self.return_writer(recorder);
            recorder.take_back(&mut self.slots);
        }
    }

    /// Discards the spans in memory.
    pub(super) fn clear(&mut self) -> usize {
        self.runs.clear();
        self.bytes = 0;
        std::mem::take(&mut self.in_memory)
    }

    pub(super) fn bytes_in_memory(&self) -> usize {
        self.bytes
    }

    /// Takes all waiting spans; leaves empty buffers.
    pub(super) fn take(
        &mut self,
        resource: impl FnOnce() -> Arc<EncodedResource>,
        budget: &QueueBudget,
    ) -> HandOff {
        if std::mem::take(&mut self.on_disk) > 0 {
            let last = self.writer.as_mut().and_then(Writer::take);
            self.parts.extend(last);
        }
        let mut hand_off = HandOff {
            parts: std::mem::take(&mut self.parts),
            ..HandOff::default()
        };
        if std::mem::take(&mut self.in_memory) > 0 {
            self.bytes = 0;
            // Forget scopes that were not used since the last time.
            self.runs.retain(|run| run.spans > 0);
            let resource = resource();
            let take = |run: &mut RunBuilder| {
                let bytes = budget.exchange(&mut run.bytes);
                let spans = std::mem::take(&mut run.spans);
                Run::new(&resource, Arc::clone(&run.scope), bytes, spans)
            };
            hand_off.runs = self.runs.iter_mut().map(take).collect();
        }
        hand_off
    }
}
