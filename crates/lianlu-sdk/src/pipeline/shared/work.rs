//! The worker's side: waiting for work and settling items.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Shared;
use crate::flight_recorder::Part;
use crate::pipeline::destination::Destination;
use crate::pipeline::limits::Limits;
use crate::sync::atomic::Ordering;

/// How long the last worker waits for the recorder's thread, which may be blocked by the disk.
const RECORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// Polling intervals: after its work a worker polls its queue at these intervals before it waits to
/// be woken. Waking a worker costs a request thread microseconds, up to a hundred on a virtual
/// machine. The delay of a batch is short compared to the time that it takes to fill.
const POLL_INTERVALS: &[Duration] = if cfg!(all(test, lianlu_shuttle)) {
    // Time does not pass in the model.
    &[]
} else {
    &[
        Duration::from_millis(2),
        Duration::from_millis(8),
        Duration::from_millis(32),
    ]
};

/// What a worker waits for.
pub(in crate::pipeline) struct Wait {
    /// When it fetches the spans of the lanes.
    pub(in crate::pipeline) deadline: Instant,
    /// No batch is sent before this time.
    pub(in crate::pipeline) retry_at: Option<Instant>,
    /// The number of the oldest item that it has taken and not settled.
    pub(in crate::pipeline) in_hand: Option<u64>,
    flush_seen: u64,
    stop_seen: bool,
    /// Number of polls since it had work.
    polls: usize,
}

impl Wait {
    pub(in crate::pipeline) fn new(limits: &Limits) -> Self {
        Self {
            deadline: Instant::now() + limits.schedule_delay,
            retry_at: None,
            in_hand: None,
            flush_seen: 0,
            stop_seen: false,
            polls: POLL_INTERVALS.len(),
        }
    }
}

/// Why a worker was woken.
#[derive(Debug)]
pub(in crate::pipeline) struct Turn {
    /// The queue is empty.
    pub(in crate::pipeline) is_empty: bool,
    /// The latest flush that is settled here and not reported to the exporter yet.
    pub(in crate::pipeline) flush: Option<u64>,
    /// Whether a flush or a shutdown has started.
    pub(in crate::pipeline) is_urgent: bool,
    pub(in crate::pipeline) stop_at: Option<Instant>,
}

impl Shared {
    /// A destination has released an item.
    pub(in crate::pipeline) fn settled(&self) {
        self.may_drop_oldest.store(true, Ordering::Release);
    }

    /// Whether spans are dropped because the queue is full.
    pub(in crate::pipeline) fn is_full(&self) -> bool {
        self.queue_full_announced.load(Ordering::Relaxed)
    }

    /// Blocks a worker until there is something to do. At its deadline, at a flush and at the
    /// shutdown, fetches all waiting spans.
    pub(in crate::pipeline) fn next(&self, number: usize, wait: &mut Wait) -> Turn {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            // Without work, the wait for a passed time would not block.
            wait.retry_at = wait.retry_at.filter(|at| *at > now);
            let is_asked = state.flush_asked > wait.flush_seen;
            let is_stopped = state.stop_at.is_some() && !wait.stop_seen;
            let is_due = wait.deadline <= now;
            let may_send = wait.retry_at.is_none();
            // If the budget is low, a worker that cannot send has nothing to contribute.
            let is_budget_low = state.is_budget_low && wait.retry_at.is_none();
            let is_timed_out = state.stop_at.is_some_and(|at| at <= now);
            let fetches = is_asked || is_stopped || is_due || is_budget_low;
            let has_work = wait.in_hand.is_some() || state.has_queue(number);
            // A flush or shutdown is complete and must be reported.
            let is_complete = !has_work && state.stop_at.is_some()
                || state.settled_flush(number, wait.in_hand).is_some();
            if fetches || may_send && has_work || is_complete || is_timed_out {
                wait.flush_seen = state.flush_asked;
                wait.stop_seen = state.stop_at.is_some();
                if has_work {
                    wait.polls = 0;
                }
                if fetches {
                    if is_due {
                        wait.deadline = now + self.limits.schedule_delay;
                    }
                    state.is_budget_low = false;
                    drop(state);
                    self.low_budget_notified.store(false, Ordering::Relaxed);
                    // Before the queue is checked: a lane hands over under its lock, so its spans
                    // are in the queue then.
                    self.fetch();
                    state = self.lock();
                    // A flush or shutdown that began after the lanes were fetched is for the next
                    // turn.
                    state.mark_fetched(wait.flush_seen);
                }
                return Turn {
                    is_empty: !state.has_queue(number),
                    flush: state.settled_flush(number, wait.in_hand),
                    is_urgent: is_asked || is_stopped,
                    stop_at: state.stop_at.filter(|_| wait.stop_seen),
                };
            }
            let mut until = wait.deadline;
            for at in wait.retry_at.into_iter().chain(state.stop_at) {
                until = until.min(at);
            }
            let mut longest = until.saturating_duration_since(now);
            // A worker that waits for a retry has work queued already.
            let is_ready = wait.retry_at.is_none();
            let poll = POLL_INTERVALS.get(wait.polls).filter(|_| is_ready);
            if let Some(poll) = poll {
                wait.polls += 1;
                longest = longest.min(*poll);
            }
            let [is_polling, is_idle] = [poll.is_some(), is_ready && poll.is_none()];
            state.polling += usize::from(is_polling);
            state.idle += usize::from(is_idle);
            state = self
                .work
                .wait_timeout(state, longest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.polling -= usize::from(is_polling);
            state.idle -= usize::from(is_idle);
        }
    }

    /// Moves the spans of all lanes to the queues, and takes back the unused credit of threads.
    fn fetch(&self) {
        let mut items = Vec::new();
        let mut credit = 0;
        let mut fits = true;
        let visit = self.lanes.visit(|lane, has_ended| {
            let mut state = lane.lock();
            if let Some(recorder) = self.recorder.get() {
                state.release_idle(recorder, has_ended);
            }
            if state.spans() > 0 {
                if self.stopping.load(Ordering::Acquire) {
                    // The last fetch: nothing is added after it.
                    self.budget.add_bytes(state.bytes_in_memory());
                } else {
                    fits &= self.admit(&mut state);
                }
                let hand_off = state.take(|| self.resource(), &self.budget);
                items.extend(self.items(hand_off));
            }
            credit += std::mem::take(&mut state.credit);
        });
        self.budget.release(credit, 0);
        self.push(items);
        // Not earlier: another worker would find the lanes empty and conclude that everything was
        // sent.
        drop(visit);
        if self.has_dropped_oldest.swap(false, Ordering::Relaxed) || !fits {
            self.announce_queue_full();
        }
    }

    /// A worker has sent everything.
    pub(in crate::pipeline) fn drained(&self) {
        if self.budget.is_half_free() {
            self.queue_full_announced.store(false, Ordering::Relaxed);
        }
    }

    pub(in crate::pipeline) fn flushed(&self, number: usize, asked: u64) {
        let mut state = self.lock();
        if let Some(destination) = state.destinations.get_mut(number) {
            destination.flush_done = destination.flush_done.max(asked);
        }
        self.done.notify_all();
    }

    /// Drops parts of a segment from every queue; returns the largest number of spans that a
    /// destination loses.
    pub(in crate::pipeline) fn evict(&self, pick: &dyn Fn(&Part) -> bool) -> u64 {
        let mut state = self.lock();
        let destinations = state.destinations.iter_mut().enumerate();
        destinations
            .map(|(number, destination)| destination.evict(number, pick))
            .max()
            .unwrap_or_default()
    }

    /// A worker has ended. The last one fetches spans that were recorded since, and closes the
    /// recorder.
    pub(in crate::pipeline) fn stopped(&self, number: usize) {
        self.stopping.store(true, Ordering::Release);
        self.fetch();
        let mut state = self.lock();
        state.stop_at.get_or_insert_with(Instant::now);
        if let Some(destination) = state.destinations.get_mut(number) {
            destination.stop();
        }
        let is_last = state.destinations.iter().all(Destination::is_stopped);
        drop(state);
        if is_last {
            if let Some(recorder) = self.recorder.get() {
                let counts = self.counts();
                recorder.close(counts.waiting == 0, RECORDER_TIMEOUT);
            }
            self.lock().stopped = true;
        }
        self.done.notify_all();
    }
}
