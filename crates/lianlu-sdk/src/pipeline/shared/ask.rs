//! Flushes, stops and counts.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Shared, State};
use crate::error::FlushError;
use crate::pipeline::DestinationCounts;
use crate::pipeline::counts::SpanCounts;
use crate::pipeline::destination::Destination;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// What giving up takes.
const GIVING_UP: Duration = Duration::from_millis(250);

/// A time that does not come.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Shared {
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.home.is_left() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost();
        state.flush_asked += 1;
        let asked = state.flush_asked;
        state.flushes.insert(asked, None);
        self.work.notify_all();
        let is_done = |state: &State| {
            let mut destinations = state.destinations.iter();
            destinations.all(|it| it.flush_done >= asked) || state.stopped
        };
        let outcome = self
            .wait(state, timeout, is_done)
            .and_then(|state| state.outcome(&lost_before));
        self.lock().flushes.remove(&asked);
        outcome
    }

    pub(crate) fn shut_down(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.home.is_left() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost();
        if state.stop_at.is_none() {
            // A little earlier, so that what is given up then is counted when the caller goes on.
            let timeout = timeout - (timeout / 10).min(GIVING_UP);
            let now = Instant::now();
            state.stop_at = Some(now.checked_add(timeout).unwrap_or(now + NEVER));
            // What ends from here on is late; what has ended is fetched by a worker's last visit.
            self.stopping.store(true, Ordering::Release);
        }
        self.work.notify_all();
        let waited = self.wait(state, timeout, |state| state.stopped);
        if !waited.as_ref().is_ok_and(|state| state.stopped)
            && let Some(recorder) = self.recorder.get()
        {
            // Nobody waits for the workers any more, so this may be the last thing that this process does.
            recorder.forget_calls();
        }
        let state = waited?;
        state.outcome(&lost_before)?;
        // With a flight recorder, what has not arrived is not lost either.
        let reason = state.failing();
        drop(state);
        match self.waiting() {
            0 => Ok(()),
            waiting => Err(FlushError::Timeout { waiting, reason }),
        }
    }

    /// Where nothing waits any more it is done, whatever the workers have to do yet.
    fn wait<'a>(
        &'a self,
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
        let reason = state.failing();
        drop(state);
        match self.waiting() {
            0 => Ok(self.lock()),
            waiting => Err(FlushError::Timeout { waiting, reason }),
        }
    }

    /// How many spans wait where most do.
    fn waiting(&self) -> u64 {
        let destinations = self.destination_counts();
        let waiting = destinations.iter().map(|it| it.counts.waiting);
        waiting.max().unwrap_or_default()
    }

    /// Those of the destination that is furthest behind.
    pub(crate) fn counts(&self) -> SpanCounts {
        let counts = self.destination_counts().into_iter().map(|it| it.counts);
        counts
            .max_by_key(|counts| counts.waiting + counts.dropped.total())
            .unwrap_or_default()
    }

    pub(crate) fn destination_counts(&self) -> Vec<DestinationCounts> {
        if self.home.is_left() {
            return Vec::new();
        }
        // In the order in which spans go backwards: none is counted further on than where it has been.
        let state = self.lock();
        let seen: Vec<_> = state.destinations.iter().map(Destination::seen).collect();
        let stopped = state.stopped;
        drop(state);
        let (totals, started) = self.lanes.totals();
        let recovered = self.recovered.load(Ordering::Relaxed);
        let (recorded, durable) = match self.recorder.get() {
            Some(recorder) => (
                totals.recorded + recovered,
                recorder.durable(totals.recorded) + recovered,
            ),
            None => (0, 0),
        };
        let destinations = seen.into_iter().map(|mut seen| {
            let counts = &mut seen.counts;
            counts.dropped.queue_full += totals.queue_full;
            counts.dropped.after_shutdown += totals.after_shutdown;
            counts.recovered = recovered;
            counts.recorded = recorded;
            counts.durable = durable;
            let ended = totals.ended + recovered;
            let gone = counts.exported + counts.dropped.total();
            counts.waiting = ended.saturating_sub(gone);
            counts.started = (started + recovered).max(ended);
            counts.open = counts.started - ended;
            if stopped {
                // Nobody takes them any more.
                counts.dropped.after_shutdown += std::mem::take(&mut counts.open);
            }
            seen
        });
        destinations.collect()
    }
}
