//! Where one thread's spans wait.

use std::sync::{Arc, PoisonError};

use super::room::Room;
use super::run::Run;
use crate::encode::{EncodedResource, EncodedScope};
use crate::flight_recorder::{FreeSlots, NO_SCOPE, Part, Recorder, Slot, Writer};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{self, Mutex, MutexGuard};

/// One large span is no reason to keep its memory.
const LARGEST_SCRATCH: usize = 16 * 1024;

/// A thread's own buffers. Nobody else touches them but the worker, now and then, so its lock is free.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Sampled spans that were started on this thread.
    started: AtomicU64,
    /// Whether several threads share it: those that are ending and have no place of their own any more.
    is_shared: bool,
    state: Mutex<LaneState>,
}

#[derive(Debug, Default)]
pub(super) struct LaneState {
    /// One for each scope that the thread has recorded in.
    runs: Vec<Growing>,
    /// How many spans the runs hold, and how many bytes those are.
    in_memory: usize,
    bytes: usize,
    /// How many more the thread may add to them before it asks for room again.
    pub(super) credit: usize,
    /// With a flight recorder: the segment that the thread writes to, what it has written to others, and how many
    /// spans both are.
    writer: Option<Writer>,
    parts: Vec<Part>,
    on_disk: usize,
    /// Places for calls that start.
    pub(super) slots: FreeSlots,
    /// A span on its way to the segment, or a call's note on its way to its place.
    scratch: Vec<u8>,
    pub(super) totals: LaneTotals,
}

/// A run that grows: spans of one scope, each as `0x12 len Span`.
#[derive(Debug)]
struct Growing {
    scope: Arc<EncodedScope>,
    bytes: Vec<u8>,
    spans: usize,
}

/// What a thread hands over.
#[derive(Debug, Default)]
pub(super) struct Handed {
    pub(super) runs: Vec<Run>,
    pub(super) parts: Vec<Part>,
}

/// What only grows.
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

    /// Counts a span that starts.
    #[inline]
    pub(super) fn count_started(&self) {
        if self.is_shared {
            self.started.fetch_add(1, Ordering::Relaxed);
        } else {
            // No other thread writes, so it need not be one step.
            let started = self.started.load(Ordering::Relaxed);
            self.started.store(started + 1, Ordering::Relaxed);
        }
    }

    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Nothing that holds this lock can panic half-way, so a poisoned one is as good.
    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same if nobody holds it.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, LaneState>> {
        sync::free(self.state.try_lock())
    }
}

impl LaneState {
    /// How many spans wait here.
    pub(super) fn spans(&self) -> usize {
        self.in_memory + self.on_disk
    }

    /// Appends a span to the run of its scope, and gives how many bytes the thread has in memory then.
    #[inline]
    pub(super) fn append(
        &mut self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        self.in_memory += 1;
        // Few scopes, and mostly the same ones.
        let same = |run: &&mut Growing| Arc::ptr_eq(&run.scope, scope);
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
        self.runs.push(Growing {
            scope: Arc::clone(scope),
            bytes,
            spans: 1,
        });
        self.bytes
    }

    /// Notes a call that starts: `write` appends the fields of a `Span`, and gives where its attributes begin.
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

    /// Appends a span to the thread's segment, and gives how many bytes wait there; or the span, where there is no
    /// segment for it.
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
        if self.scratch.capacity() > LARGEST_SCRATCH {
            self.scratch = Vec::new();
        }
        self.on_disk += 1;
        self.totals.recorded += 1;
        Ok(self.writer.as_ref().map_or(0, Writer::bytes))
    }

    pub(super) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= LARGEST_SCRATCH {
            self.scratch = scratch;
        }
    }

    /// Appends what is in `scratch`.
    #[inline]
    fn write(&mut self, recorder: &Recorder, scope: u16) -> bool {
        let writer = self.writer.as_mut();
        writer.is_some_and(|writer| writer.append(scope, &self.scratch))
            || self.write_elsewhere(recorder, scope)
    }

    /// To another segment, where one is prepared.
    #[cold]
    fn write_elsewhere(&mut self, recorder: &Recorder, scope: u16) -> bool {
        self.put_writer_back(recorder);
        self.writer = recorder.take();
        let writer = self.writer.as_mut();
        writer.is_some_and(|writer| writer.append(scope, &self.scratch))
    }

    /// Gives the segment away; what is in it is handed over with the rest.
    #[cold]
    fn put_writer_back(&mut self, recorder: &Recorder) {
        if let Some(mut writer) = self.writer.take() {
            self.parts.extend(writer.take());
            recorder.give_back(writer);
        }
    }

    /// The thread is gone, or has no need of its segment and its places for calls at the moment.
    pub(super) fn rest(&mut self, recorder: &Recorder, is_gone: bool) {
        let is_idle = self.writer.as_mut().is_some_and(Writer::was_idle);
        if is_gone || is_idle {
            self.put_writer_back(recorder);
            recorder.take_back(&mut self.slots);
        }
    }

    /// Forgets what waits in memory.
    pub(super) fn clear(&mut self) -> usize {
        self.runs.clear();
        self.bytes = 0;
        std::mem::take(&mut self.in_memory)
    }

    pub(super) fn bytes_in_memory(&self) -> usize {
        self.bytes
    }

    /// Takes all that waits, and leaves buffers for what comes.
    pub(super) fn take(
        &mut self,
        resource: impl FnOnce() -> Arc<EncodedResource>,
        room: &Room,
    ) -> Handed {
        if std::mem::take(&mut self.on_disk) > 0 {
            let last = self.writer.as_mut().and_then(Writer::take);
            self.parts.extend(last);
        }
        let mut handed = Handed {
            parts: std::mem::take(&mut self.parts),
            ..Handed::default()
        };
        if std::mem::take(&mut self.in_memory) > 0 {
            self.bytes = 0;
            // A scope that was not used since the last time is forgotten.
            self.runs.retain(|run| run.spans > 0);
            let resource = resource();
            let take = |run: &mut Growing| {
                let bytes = room.exchange(&mut run.bytes);
                let spans = std::mem::take(&mut run.spans);
                Run::new(&resource, Arc::clone(&run.scope), bytes, spans)
            };
            handed.runs = self.runs.iter_mut().map(take).collect();
        }
        handed
    }
}
