//! The state shared by the request path, the workers and the handles.
//!
//! ```text
//! thread ─► lane ──full──────────────────────────────► queue of each destination ─► its worker
//! thread ─► lane ──time, flush, shutdown: a worker takes all ──┘
//! ```
//!
//! A thread appends to its own [`Lane`](super::lane::Lane), which is in memory or, with a flight
//! recorder, in a file, without contention. It hands over a full batch and wakes workers that have
//! been idle for a while; other workers poll. Workers fetch incomplete batches when they are due.
//! The memory budget is reserved in portions, so that a thread reserves once for many spans. When
//! it is exhausted the newest span is dropped. But if only some destinations are behind, the oldest
//! item that only those wait for is dropped instead, so that an unreachable destination does not
//! cost the others any spans.

mod control;
mod record;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Histogram;

use super::budget::QueueBudget;
use super::destination::Destination;
use super::event::{Listener, PipelineEvent, announce};
use super::item::Item;
use super::lanes::Lanes;
use super::limits::Limits;
use crate::encode::EncodedResource;
use crate::error::FlushError;
use crate::export::Component;
use crate::flight_recorder::{ForkGuard, Recorder, RecoveredPart, RecoveryReport};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, holders};
pub(super) use work::Wait;

pub(crate) struct Shared {
    pub(super) limits: Limits,
    pub(super) listener: Listener,
    fork_guard: ForkGuard,
    resource: Mutex<Arc<EncodedResource>>,
    lanes: Lanes,
    pub(super) budget: Arc<QueueBudget>,
    recorder: OnceLock<Arc<Recorder>>,
    recovery_report: OnceLock<RecoveryReport>,
    stopping: AtomicBool,
    /// Whether a worker was notified that the budget is running low.
    low_budget_notified: AtomicBool,
    queue_full_announced: AtomicBool,
    /// Whether an item was settled since the last search for an item to drop found none.
    may_drop_oldest: AtomicBool,
    /// An item was dropped, which has not been reported yet.
    has_dropped_oldest: AtomicBool,
    /// Number of spans from an earlier run.
    recovered: AtomicU64,
    state: Mutex<State>,
    /// Histograms of the durations of exports.
    durations: std::sync::Mutex<Vec<Histogram<f64>>>,
    /// Workers wait here for work.
    work: Condvar,
    /// Flushes wait here for the workers.
    done: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) destinations: Vec<Destination>,
    /// The budget is running low; set together with `low_budget_notified`.
    is_budget_low: bool,
    /// Number of workers that wait to be woken.
    idle: usize,
    /// Number of workers that poll their queues.
    polling: usize,
    /// Number of items pushed so far: the number of the next one.
    pushed: u64,
    flush_asked: u64,
    /// The pending flushes, each with the number of items when the lanes had been fetched for it:
    /// the flush is done when these are settled, regardless of later ones.
    flushes: BTreeMap<u64, Option<u64>>,
    /// The time at which a shutdown gives up waiting spans.
    stop_at: Option<Instant>,
    stopped: bool,
}

impl Shared {
    /// For these destinations, each with its name.
    pub(super) fn new(
        limits: Limits,
        listener: Listener,
        destinations: impl IntoIterator<Item = (String, Component)>,
    ) -> Self {
        let limits = limits.usable();
        let destinations = destinations.into_iter();
        let destinations = destinations.map(|(name, it)| Destination::new(name, it));
        Self {
            limits,
            listener,
            fork_guard: ForkGuard::new(),
            resource: Mutex::default(),
            lanes: Lanes::default(),
            budget: Arc::new(QueueBudget::new(limits)),
            recorder: OnceLock::new(),
            recovery_report: OnceLock::new(),
            stopping: AtomicBool::new(false),
            low_budget_notified: AtomicBool::new(false),
            queue_full_announced: AtomicBool::new(false),
            may_drop_oldest: AtomicBool::new(false),
            has_dropped_oldest: AtomicBool::new(false),
            recovered: AtomicU64::new(0),
            state: Mutex::new(State {
                destinations: destinations.collect(),
                ..State::default()
            }),
            durations: std::sync::Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    /// Code that holds this lock does not panic half-way, so the state of a poisoned lock is
    /// consistent.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_resource(&self, resource: Arc<EncodedResource>) {
        *self.resource.lock().unwrap_or_else(PoisonError::into_inner) = resource;
    }

    pub(super) fn resource(&self) -> Arc<EncodedResource> {
        let resource = self.resource.lock();
        Arc::clone(&resource.unwrap_or_else(PoisonError::into_inner))
    }

    /// Records spans on disk from now on.
    pub(super) fn set_recorder(&self, recorder: Arc<Recorder>, recovery_report: RecoveryReport) {
        let _ = self.recovery_report.set(recovery_report);
        let _ = self.recorder.set(recorder);
    }

    /// Queues the spans of an earlier run.
    pub(super) fn push_recovered(&self, parts: Vec<RecoveredPart>) {
        let spans: usize = parts.iter().map(RecoveredPart::spans).sum();
        self.recovered.fetch_add(spans as u64, Ordering::Relaxed);
        let items = parts
            .into_iter()
            .map(|part| Item::recovered(part, &self.budget));
        self.push(items);
    }

    /// Reports an event to the listener.
    pub(super) fn announce(&self, event: &PipelineEvent) {
        announce(&self.listener, event);
    }

    /// Measures the duration of exports from now on.
    pub(super) fn observe_durations(&self, histogram: Histogram<f64>) {
        let durations = self.durations.lock();
        let mut durations = durations.unwrap_or_else(PoisonError::into_inner);
        durations.push(histogram);
    }

    /// A worker has completed an export.
    pub(super) fn measure(&self, duration: Duration, attributes: &[KeyValue]) {
        // Not while it is locked: instruments are foreign code.
        let durations = self.durations.lock();
        let durations = durations.unwrap_or_else(PoisonError::into_inner).clone();
        for histogram in durations {
            histogram.record(duration.as_secs_f64(), attributes);
        }
    }

    /// The reason if the recorder cannot write.
    pub(super) fn recorder_failing(&self) -> Option<String> {
        self.recorder.get()?.failing()
    }

    pub(super) fn recovery_report(&self) -> RecoveryReport {
        self.recovery_report.get().cloned().unwrap_or_default()
    }

    /// Number of calls for which the recorder had no slot.
    pub(crate) fn unnoted(&self) -> u64 {
        self.recorder.get().map_or(0, |recorder| recorder.unnoted())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.fork_guard.is_forked_child() || self.lock().stopped
    }
}

impl State {
    pub(in crate::pipeline) fn has_queue(&self, number: usize) -> bool {
        let destination = self.destinations.get(number);
        destination.is_some_and(|destination| !destination.queue.is_empty())
    }

    /// Marks the flushes up to `asked`: the lanes were fetched for them.
    fn mark_fetched(&mut self, asked: u64) {
        for (_, mark) in self.flushes.range_mut(..=asked) {
            mark.get_or_insert(self.pushed);
        }
    }

    /// The latest flush whose items are all settled for this destination, given the oldest item in
    /// its worker's hands; `None` if that is already reported.
    fn settled_flush(&self, number: usize, in_hand: Option<u64>) -> Option<u64> {
        let destination = self.destinations.get(number)?;
        // Items in a worker's hands are older than queued ones.
        let oldest = in_hand.or_else(|| Some(destination.queue.front()?.number));
        let is_settled = |mark: u64| oldest.is_none_or(|oldest| mark <= oldest);
        let mut flushes = self.flushes.range(destination.flush_done + 1..).rev();
        let (asked, _) = flushes.find(|(_, mark)| mark.is_some_and(is_settled))?;
        Some(*asked)
    }

    /// Drops the oldest item in memory that some destinations wait for and another has received.
    fn drop_oldest(&mut self) -> Option<Arc<Item>> {
        let oldest = self.destinations.iter().map(Destination::oldest_in_memory);
        let oldest: Vec<_> = oldest.flatten().collect();
        let is_behind = |item: &&&Arc<Item>| {
            let same = oldest.iter().filter(|other| Arc::ptr_eq(other, item));
            let waiting = same.count();
            // No worker is sending it.
            waiting < self.destinations.len() && holders(item) == waiting
        };
        let item = Arc::clone(oldest.iter().find(is_behind)?);
        for destination in &mut self.destinations {
            destination.drop_item(&item);
        }
        Some(item)
    }

    /// The reason of the last failed attempt of any destination.
    fn failing(&self) -> Option<String> {
        let mut destinations = self.destinations.iter();
        destinations.find_map(|destination| destination.failing.clone())
    }

    /// Number of lost spans of each destination.
    fn lost(&self) -> Vec<u64> {
        self.destinations.iter().map(Destination::lost).collect()
    }

    fn outcome(&self, before: &[u64]) -> Result<(), FlushError> {
        for (destination, before) in self.destinations.iter().zip(before) {
            let lost = destination.lost() - before;
            if lost > 0 {
                return Err(FlushError::Lost {
                    lost,
                    reason: destination.last_failure.clone(),
                });
            }
        }
        Ok(())
    }
}
