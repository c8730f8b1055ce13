//! The state that the request's path, the worker and the handles share.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::counts::{Drops, SpanCounts};
use super::limits::Limits;
use super::notice::{Listener, Notice};
use crate::encode::EncodedResource;
use crate::error::FlushError;

pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) listener: Listener,
    pub(super) started: AtomicU64,
    resource: Mutex<Arc<EncodedResource>>,
    state: Mutex<State>,
    /// The worker waits here for work.
    work: Condvar,
    /// Flushes wait here for the worker.
    done: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    queue: VecDeque<SpanData>,
    in_flight: u64,
    /// Spans ever queued, and of those, spans that left the worker either way. Both only grow, so a
    /// flush is "until handled reaches what queued is now".
    queued: u64,
    handled: u64,
    /// Flushes under way, in the order they came: how far each waits for `handled`, and its number.
    flushes: VecDeque<(u64, u64)>,
    flush_asked: u64,
    flush_done: u64,
    exported: u64,
    dropped: Drops,
    ended: u64,
    queue_full_said: bool,
    last_failure: String,
    stopping: bool,
    stopped: bool,
}

/// What the worker does next.
pub(super) enum Work {
    Export(Vec<SpanData>),
    Flush(u64),
    Idle,
    Stop,
}

impl Shared {
    pub(super) fn new(limits: Limits, listener: Listener) -> Self {
        Self {
            limits: limits.usable(),
            listener,
            started: AtomicU64::new(0),
            resource: Mutex::new(EncodedResource::new(&Resource::builder_empty().build())),
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

    /// Takes an ended span, from the request's path.
    pub(super) fn push(&self, span: SpanData) {
        let mut state = self.lock();
        state.ended += 1;
        if state.stopping {
            state.dropped.after_shutdown += 1;
            return;
        }
        if state.queue.len() >= self.limits.queue_size {
            state.dropped.queue_full += 1;
            if !std::mem::replace(&mut state.queue_full_said, true) {
                drop(state);
                self.announce(&Notice::QueueFull {
                    queue_size: self.limits.queue_size,
                });
            }
            return;
        }
        state.queue.push_back(span);
        state.queued += 1;
        let wake = state.queue.len() == self.limits.batch_size;
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    /// Blocks the worker until there is something to do.
    pub(super) fn next(&self) -> Work {
        let deadline = Instant::now() + self.limits.schedule_delay;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            // A flush ends before newer spans go, or it would never under load.
            if let Some(asked) = state.take_flushes() {
                return Work::Flush(asked);
            }
            let urgent = state.stopping || !state.flushes.is_empty();
            let full = state.queue.len() >= self.limits.batch_size;
            if !state.queue.is_empty() && (urgent || full || now >= deadline) {
                return Work::Export(state.take(self.limits.batch_size));
            }
            if state.stopping {
                return Work::Stop;
            }
            let Some(left) = deadline
                .checked_duration_since(now)
                .filter(|left| !left.is_zero())
            else {
                return Work::Idle;
            };
            state = self
                .work
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Notes how a batch of `count` spans went: `lost` of them are gone.
    pub(super) fn exported(&self, count: u64, lost: Option<(u64, String, bool)>) {
        let mut state = self.lock();
        state.in_flight = 0;
        state.handled += count;
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
        if state.queue.is_empty() {
            state.queue_full_said = false;
        }
    }

    pub(super) fn flushed(&self, asked: u64) {
        let mut state = self.lock();
        state.flush_done = state.flush_done.max(asked);
        self.done.notify_all();
    }

    /// The worker is gone. After an orderly stop nothing waits; else what waits is lost.
    pub(super) fn stopped(&self) {
        let mut state = self.lock();
        state.dropped.export_failed += state.waiting();
        state.queue.clear();
        state.in_flight = 0;
        state.stopping = true;
        state.stopped = true;
        self.done.notify_all();
    }

    /// Tells the listener, who may do as he likes but not bring a request or the worker down.
    pub(super) fn announce(&self, notice: &Notice) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.listener)(notice)));
    }

    pub(super) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost_by_exporter();
        let asked = state.ask_flush();
        self.work.notify_one();
        let state = self.wait(state, timeout, |state| {
            state.flush_done >= asked || state.stopped
        })?;
        state.outcome(lost_before)
    }

    pub(super) fn shut_down(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost_by_exporter();
        if !std::mem::replace(&mut state.stopping, true) {
            state.ask_flush();
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
            Ok(state)
        } else {
            Err(FlushError::Timeout {
                waiting: state.waiting(),
            })
        }
    }

    pub(super) fn counts(&self) -> SpanCounts {
        let state = self.lock();
        // After the lock: a span is counted as started before it can be counted as ended.
        let started = self.started.load(Ordering::Relaxed).max(state.ended);
        let mut open = started - state.ended;
        let mut dropped = state.dropped;
        if state.stopped {
            // Nobody takes them any more, and the provider doesn't even say when they end.
            dropped.after_shutdown += std::mem::take(&mut open);
        }
        SpanCounts {
            started,
            open,
            waiting: state.waiting(),
            exported: state.exported,
            dropped,
        }
    }
}

impl State {
    fn take(&mut self, most: usize) -> Vec<SpanData> {
        let count = self.queue.len().min(most);
        let batch: Vec<_> = self.queue.drain(..count).collect();
        self.in_flight = batch.len() as u64;
        batch
    }

    fn ask_flush(&mut self) -> u64 {
        self.flush_asked += 1;
        self.flushes.push_back((self.queued, self.flush_asked));
        self.flush_asked
    }

    /// The newest of the flushes whose spans are all handled, which ends the older ones too.
    fn take_flushes(&mut self) -> Option<u64> {
        let mut done = None;
        while let Some(&(target, asked)) = self.flushes.front()
            && target <= self.handled
        {
            self.flushes.pop_front();
            done = Some(asked);
        }
        done
    }

    fn waiting(&self) -> u64 {
        self.queue.len() as u64 + self.in_flight
    }

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
