//! What a worker waits for, and what it settles.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Shared;
use crate::flight_recorder::Part;
use crate::pipeline::destination::Destination;
use crate::pipeline::limits::Limits;
use crate::sync::atomic::Ordering;

/// How long the last worker waits for the recorder's thread, which may be waiting for a disk.
const RECORDER_TIMEOUT: Duration = Duration::from_secs(5);

/// After its work a worker looks into its queue by itself for a while, at growing intervals, before it waits to be woken:
/// to wake it takes a thread that serves requests microseconds, and on a virtual machine up to a hundred of them. A batch
/// waits longer by that, and not much longer for having to fill up.
const NAPS: &[Duration] = if cfg!(all(test, lianlu_shuttle)) {
    // There is no time.
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
    /// It then fetches what the lanes have.
    pub(in crate::pipeline) deadline: Instant,
    /// The collector is left alone until then.
    pub(in crate::pipeline) retry_at: Option<Instant>,
    /// The number of the oldest item that it has taken and not settled.
    pub(in crate::pipeline) in_hand: Option<u64>,
    flush_seen: u64,
    stop_seen: bool,
    /// Since it had work.
    naps: usize,
}

impl Wait {
    pub(in crate::pipeline) fn new(limits: &Limits) -> Self {
        Self {
            deadline: Instant::now() + limits.schedule_delay,
            retry_at: None,
            in_hand: None,
            flush_seen: 0,
            stop_seen: false,
            naps: NAPS.len(),
        }
    }
}

/// What it is woken for.
#[derive(Debug)]
pub(in crate::pipeline) struct Turn {
    /// The queue has nothing.
    pub(in crate::pipeline) is_empty: bool,
    /// The last flush for which all is settled here, and of which the exporter has not heard.
    pub(in crate::pipeline) flush: Option<u64>,
    /// Whether somebody has begun to wait for it.
    pub(in crate::pipeline) is_urgent: bool,
    pub(in crate::pipeline) stop_at: Option<Instant>,
}

impl Shared {
    /// A destination has let an item go.
    pub(in crate::pipeline) fn settled(&self) {
        self.may_make_room.store(true, Ordering::Release);
    }

    /// Whether spans are dropped for want of room.
    pub(in crate::pipeline) fn is_full(&self) -> bool {
        self.queue_full_said.load(Ordering::Relaxed)
    }

    /// Blocks a worker until there is something to do, or until its deadline: then, at a flush and at the stop it
    /// fetches all that waits.
    pub(in crate::pipeline) fn next(&self, number: usize, wait: &mut Wait) -> Turn {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_asked = state.flush_asked > wait.flush_seen;
            let is_stopped = state.stop_at.is_some() && !wait.stop_seen;
            let is_due = wait.deadline <= now;
            let may_send = wait.retry_at.is_none_or(|at| at <= now);
            // Under pressure a worker that can't send has nothing to give.
            let is_pressed = state.is_pressed && wait.retry_at.is_none();
            let is_over = state.stop_at.is_some_and(|at| at <= now);
            let fetches = is_asked || is_stopped || is_due || is_pressed;
            let has_work = wait.in_hand.is_some() || state.has_queue(number);
            // What was asked for is settled, and somebody waits to hear of it.
            let is_through = !has_work && state.stop_at.is_some()
                || state.flush_of(number, wait.in_hand).is_some();
            if fetches || may_send && has_work || is_through || is_over {
                wait.flush_seen = state.flush_asked;
                wait.stop_seen = state.stop_at.is_some();
                if has_work {
                    wait.naps = 0;
                }
                if fetches {
                    if is_due {
                        wait.deadline = now + self.limits.schedule_delay;
                    }
                    state.is_pressed = false;
                    drop(state);
                    self.pressed.store(false, Ordering::Relaxed);
                    // Before the queue is looked at: a lane hands over under its lock, so what it had is in the queue.
                    self.fetch();
                    state = self.lock();
                    // One that has come since the lanes were looked at is for the next turn, and so is a stop.
                    state.looked(wait.flush_seen);
                }
                return Turn {
                    is_empty: !state.has_queue(number),
                    flush: state.flush_of(number, wait.in_hand),
                    is_urgent: is_asked || is_stopped,
                    stop_at: state.stop_at.filter(|_| wait.stop_seen),
                };
            }
            let mut until = wait.deadline;
            for at in wait.retry_at.into_iter().chain(state.stop_at) {
                until = until.min(at);
            }
            let mut longest = until.saturating_duration_since(now);
            // One that waits for a collector has its queue full already.
            let is_ready = wait.retry_at.is_none();
            let nap = NAPS.get(wait.naps).filter(|_| is_ready);
            if let Some(nap) = nap {
                wait.naps += 1;
                longest = longest.min(*nap);
            }
            let [is_napping, is_idle] = [nap.is_some(), is_ready && nap.is_none()];
            state.napping += usize::from(is_napping);
            state.idle += usize::from(is_idle);
            state = self
                .work
                .wait_timeout(state, longest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.napping -= usize::from(is_napping);
            state.idle -= usize::from(is_idle);
        }
    }

    /// Empties every lane into the queues, and takes back the room that threads have and don't use.
    fn fetch(&self) {
        let mut items = Vec::new();
        let mut room = 0;
        let mut has_room = true;
        let visit = self.lanes.visit(|lane, is_left| {
            let mut state = lane.lock();
            if let Some(recorder) = self.recorder.get() {
                state.rest(recorder, is_left);
            }
            if state.spans() > 0 {
                if self.stopping.load(Ordering::Acquire) {
                    // Nothing comes after it.
                    self.room.take_in(state.bytes_in_memory());
                } else {
                    has_room &= self.admit(&mut state);
                }
                let handed = state.take(|| self.resource(), &self.room);
                items.extend(self.items(handed));
            }
            room += std::mem::take(&mut state.credit);
        });
        self.room.give_back(room, 0);
        self.push(items);
        // Not before: another worker would find the lanes empty, and take it for all sent.
        drop(visit);
        if self.has_made_room.swap(false, Ordering::Relaxed) || !has_room {
            self.say_full();
        }
    }

    /// A worker has sent all that it had.
    pub(in crate::pipeline) fn drained(&self) {
        if self.room.is_wide() {
            self.queue_full_said.store(false, Ordering::Relaxed);
        }
    }

    pub(in crate::pipeline) fn flushed(&self, number: usize, asked: u64) {
        let mut state = self.lock();
        if let Some(destination) = state.destinations.get_mut(number) {
            destination.flush_done = destination.flush_done.max(asked);
        }
        self.done.notify_all();
    }

    /// Drops parts of a segment from every queue, and gives how many spans are lost by that at the most.
    pub(in crate::pipeline) fn evict(&self, pick: &dyn Fn(&Part) -> bool) -> u64 {
        let mut state = self.lock();
        let destinations = state.destinations.iter_mut().enumerate();
        destinations
            .map(|(number, destination)| destination.evict(number, pick))
            .max()
            .unwrap_or_default()
    }

    /// A worker is gone. The last one takes what has come since it went, and closes the recorder.
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
