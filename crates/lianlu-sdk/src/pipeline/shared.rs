//! The state that the request's path, the worker and the handles share.
//!
//! ```text
//! thread ─► lane ──full──► ready ─► worker
//! thread ─► lane ──time, flush, stop: the worker takes all ──┘
//! ```
//!
//! A thread appends to its own [`Lane`](super::lane::Lane) and meets nobody. It hands a full batch over, which
//! wakes the worker; what fills no batch the worker fetches itself, in time. Room is given out in portions, so that a
//! thread asks for it once in many spans.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;

use super::counts::{Drops, SpanCounts};
use super::lane::LaneState;
use super::lanes::Lanes;
use super::limits::Limits;
use super::notice::{Listener, Notice};
use super::run::Run;
use crate::batch::Batch;
use crate::encode::{EncodedResource, EncodedScope};
use crate::error::FlushError;

/// A run that is longer is handed over, however few spans it has.
const LONGEST_RUN: usize = 512 * 1024;

/// Most spans that a thread gets room for at once.
const LARGEST_PORTION: usize = 64;

/// Buffers that are kept to be used again, and the largest that is.
const SPARE_BUFFERS: usize = 32;
const LARGEST_SPARE: usize = 1024 * 1024;

pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) listener: Listener,
    resource: Mutex<Arc<EncodedResource>>,
    lanes: Lanes,
    /// How many spans may wait besides those that do, or that a thread has room for.
    room: AtomicUsize,
    /// Bytes that were handed over and are not exported.
    ready_bytes: AtomicUsize,
    stopping: AtomicBool,
    /// Whether the worker was told that room is getting scarce.
    pressed: AtomicBool,
    queue_full_said: AtomicBool,
    spare: Mutex<Vec<Vec<u8>>>,
    state: Mutex<State>,
    /// The worker waits here for work.
    work: Condvar,
    /// Flushes wait here for the worker.
    done: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Run>,
    /// Set by `pressed`.
    is_pressed: bool,
    /// Spans that the exporter has right now.
    in_flight: u64,
    flush_asked: u64,
    flush_done: u64,
    exported: u64,
    dropped: Drops,
    last_failure: String,
    stopping: bool,
    stopped: bool,
}

/// What the worker does next.
pub(super) struct Work {
    /// What is to be exported now.
    pub(super) runs: VecDeque<Run>,
    /// The flush that is done then.
    pub(super) flush: Option<u64>,
    pub(super) stop: bool,
}

impl Shared {
    pub(super) fn new(limits: Limits, listener: Listener) -> Self {
        let limits = limits.usable();
        Self {
            limits,
            listener,
            resource: Mutex::new(EncodedResource::new(&Resource::builder_empty().build())),
            lanes: Lanes::default(),
            room: AtomicUsize::new(limits.queue_size),
            ready_bytes: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            queue_full_said: AtomicBool::new(false),
            spare: Mutex::default(),
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// Nothing that holds this lock can panic half-way, so a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_resource(&self, resource: &Resource) {
        let encoded = EncodedResource::new(resource);
        *self.resource.lock().unwrap_or_else(PoisonError::into_inner) = encoded;
    }

    pub(super) fn resource(&self) -> Arc<EncodedResource> {
        let resource = self.resource.lock();
        Arc::clone(&resource.unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a sampled span that starts.
    #[inline]
    pub(crate) fn count_started(&self) {
        self.lanes.with(|lane| lane.count_started());
    }

    /// Takes a sampled span that has ended: `write` appends it as `0x12 len Span`.
    #[inline]
    pub(crate) fn record(&self, scope: &Arc<EncodedScope>, write: impl FnOnce(&mut Vec<u8>)) {
        let is_full = self.lanes.with(|lane| {
            let mut state = lane.lock();
            state.totals.ended += 1;
            // Under the lock: the worker's last visit comes after the flag.
            if self.stopping.load(Ordering::Acquire) {
                state.totals.after_shutdown += 1;
                return false;
            }
            if state.credit == 0 {
                state.credit = self.ask_for_room();
                if state.credit == 0 {
                    state.totals.queue_full += 1;
                    return true;
                }
            }
            state.credit -= 1;
            let length = state.append(scope, write);
            if state.spans >= self.limits.batch_size || length >= LONGEST_RUN {
                return !self.hand_over(&mut state);
            }
            false
        });
        if is_full {
            self.say_full();
        }
    }

    /// Gives a thread's runs to the worker, if there is room. The lane is locked, see [`next`](Self::next).
    #[cold]
    fn hand_over(&self, state: &mut LaneState) -> bool {
        let bytes: usize = state.runs.iter().map(|run| run.bytes.len()).sum();
        let before = self.ready_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.limits.queue_bytes {
            let runs = state.take(|| self.spare_buffer());
            self.lock().ready.extend(runs);
            self.work.notify_one();
            return true;
        }
        self.ready_bytes.fetch_sub(bytes, Ordering::Relaxed);
        // Few spans, but large ones: these are the newest, and nobody may hold more.
        state.totals.queue_full += state.spans as u64;
        state.credit += state.spans;
        state.clear();
        false
    }

    /// A portion of the room that is left; 0 if there is none.
    #[cold]
    fn ask_for_room(&self) -> usize {
        let portion = (self.limits.queue_size / 64).clamp(1, LARGEST_PORTION);
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                (room > 0).then(|| room - room.min(portion))
            });
        let room = taken.unwrap_or_default();
        if room <= self.limits.queue_size / 2 && !self.pressed.swap(true, Ordering::Relaxed) {
            self.lock().is_pressed = true;
            self.work.notify_one();
        }
        room.min(portion)
    }

    #[cold]
    fn say_full(&self) {
        if !self.queue_full_said.swap(true, Ordering::Relaxed) {
            self.announce(&Notice::QueueFull {
                queue_size: self.limits.queue_size,
            });
        }
    }

    fn spare_buffer(&self) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.pop().unwrap_or_default()
    }

    /// Takes the buffers of a batch that has been exported.
    pub(super) fn recycle(&self, batch: Batch) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        for mut buffer in batch.into_buffers() {
            if spare.len() < SPARE_BUFFERS && (1..=LARGEST_SPARE).contains(&buffer.capacity()) {
                buffer.clear();
                spare.push(buffer);
            }
        }
    }

    /// Blocks the worker until there is something to do, or until `deadline`: then, at a flush and at the
    /// stop it gets all that waits.
    pub(super) fn next(&self, deadline: Instant) -> Work {
        let mut state = self.lock();
        loop {
            let flush = (state.flush_asked > state.flush_done).then_some(state.flush_asked);
            let left = deadline.saturating_duration_since(Instant::now());
            let all = flush.is_some() || state.stopping || state.is_pressed || left.is_zero();
            if all || !state.ready.is_empty() {
                let stop = state.stopping;
                if all {
                    state.is_pressed = false;
                    drop(state);
                    self.pressed.store(false, Ordering::Relaxed);
                    let fetched = self.fetch();
                    // Last: a lane hands over under its lock, so what it had is here or was fetched.
                    state = self.lock();
                    state.ready.extend(fetched);
                }
                let runs = std::mem::take(&mut state.ready);
                return Work { runs, flush, stop };
            }
            state = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Empties every lane, and takes back the room that threads have and don't use.
    fn fetch(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        let mut room = 0;
        let mut bytes = 0;
        self.lanes.visit(|lane| {
            let mut state = lane.lock();
            room += std::mem::take(&mut state.credit);
            if state.spans > 0 {
                let taken = state.take(|| self.spare_buffer());
                bytes += taken.iter().map(|run| run.bytes.len()).sum::<usize>();
                runs.extend(taken);
            }
        });
        self.room.fetch_add(room, Ordering::Relaxed);
        self.ready_bytes.fetch_add(bytes, Ordering::Relaxed);
        runs
    }

    /// A batch leaves the queue: its room is free again.
    pub(super) fn taken(&self, batch: &Batch) {
        self.room.fetch_add(batch.len(), Ordering::Relaxed);
        self.lock().in_flight = batch.len() as u64;
    }

    /// Notes how a batch went: `lost` of its spans are gone.
    pub(super) fn exported(&self, batch: &Batch, lost: Option<(u64, String, bool)>) {
        let count = batch.len() as u64;
        let bytes = batch.span_bytes();
        self.ready_bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut state = self.lock();
        state.in_flight = 0;
        let gone = match lost {
            Some((lost, reason, panicked)) => {
                let lost = lost.min(count);
                if panicked {
                    state.dropped.exporter_panicked += lost;
                } else {
                    state.dropped.export_failed += lost;
                }
                state.last_failure = reason;
                lost
            }
            None => 0,
        };
        state.exported += count - gone;
    }

    /// The worker has exported all that it had.
    pub(super) fn drained(&self) {
        if self.room.load(Ordering::Relaxed) > self.limits.queue_size / 2 {
            self.queue_full_said.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn flushed(&self, asked: u64) {
        let mut state = self.lock();
        state.flush_done = state.flush_done.max(asked);
        self.done.notify_all();
    }

    /// The worker is gone. After an orderly stop nothing waits; else what waits is lost.
    pub(super) fn stopped(&self) {
        self.stopping.store(true, Ordering::Release);
        let left = self.fetch();
        let mut state = self.lock();
        state.ready.extend(left);
        let waiting: usize = state.ready.drain(..).map(|run| run.spans).sum();
        state.dropped.export_failed += waiting as u64 + std::mem::take(&mut state.in_flight);
        state.stopping = true;
        state.stopped = true;
        self.done.notify_all();
    }

    /// Tells the listener, who may do as he likes but not bring a request or the worker down.
    pub(super) fn announce(&self, notice: &Notice) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.listener)(notice)));
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost_by_exporter();
        state.flush_asked += 1;
        let asked = state.flush_asked;
        self.work.notify_one();
        let state = self.wait(state, timeout, |state| {
            state.flush_done >= asked || state.stopped
        })?;
        state.outcome(lost_before)
    }

    pub(crate) fn shut_down(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost_by_exporter();
        if !std::mem::replace(&mut state.stopping, true) {
            state.flush_asked += 1;
            // What ends from here on is late; what has ended is fetched by the worker's last visit.
            self.stopping.store(true, Ordering::Release);
        }
        self.work.notify_one();
        let state = self.wait(state, timeout, |state| state.stopped)?;
        state.outcome(lost_before)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Duration,
        is_done: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, FlushError> {
        let (state, _) = self
            .done
            .wait_timeout_while(state, timeout, |state| !is_done(state))
            .unwrap_or_else(PoisonError::into_inner);
        if is_done(&state) {
            return Ok(state);
        }
        drop(state);
        Err(FlushError::Timeout {
            waiting: self.counts().waiting,
        })
    }

    pub(crate) fn counts(&self) -> SpanCounts {
        // In the order in which spans go backwards: none is counted further on than where it has been.
        let (exported, mut dropped, stopped) = {
            let state = self.lock();
            (state.exported, state.dropped, state.stopped)
        };
        let (totals, started) = self.lanes.totals();
        dropped.queue_full += totals.queue_full;
        dropped.after_shutdown += totals.after_shutdown;
        let waiting = totals.ended.saturating_sub(exported + dropped.total());
        let started = started.max(totals.ended);
        let mut open = started - totals.ended;
        if stopped {
            // Nobody takes them any more.
            dropped.after_shutdown += std::mem::take(&mut open);
        }
        SpanCounts {
            started,
            open,
            waiting,
            exported,
            dropped,
        }
    }
}

impl State {
    fn lost_by_exporter(&self) -> u64 {
        self.dropped.export_failed + self.dropped.exporter_panicked
    }

    fn outcome(&self, lost_before: u64) -> Result<(), FlushError> {
        match self.lost_by_exporter() - lost_before {
            0 => Ok(()),
            lost => Err(FlushError::Lost {
                lost,
                reason: self.last_failure.clone(),
            }),
        }
    }
}
