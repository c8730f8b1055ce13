//! Flush, shutdown and counts.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Shared, State};
use crate::error::FlushError;
use crate::pipeline::DestinationCounts;
use crate::pipeline::counts::SpanCounts;
use crate::pipeline::destination::Destination;
use crate::pipeline::starts::StartCounts;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

/// Time reserved for giving up the waiting spans.
const GIVE_UP_TIME: Duration = Duration::from_millis(250);

/// A time that is never reached.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Shared {
    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.fork_guard.is_forked_child() {
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
        if self.fork_guard.is_forked_child() {
            return Ok(());
        }
        let mut state = self.lock();
        if state.stopped {
            return Ok(());
        }
        let lost_before = state.lost();
        if state.stop_at.is_none() {
            // Slightly earlier, so that given-up spans are counted before the caller continues.
            let timeout = timeout - (timeout / 10).min(GIVE_UP_TIME);
            let now = Instant::now();
            state.stop_at = Some(now.checked_add(timeout).unwrap_or(now + NEVER));
            // Spans that end from here on are late; a last visit of a worker fetches those that
            // ended before.
            self.stopping.store(true, Ordering::Release);
        }
        self.work.notify_all();
        let waited = self.wait(state, timeout, |state| state.stopped);
        if !waited.as_ref().is_ok_and(|state| state.stopped)
            && let Some(recorder) = self.recorder.get()
        {
            // The workers may not finish before the process exits.
            recorder.forget_calls();
        }
        let state = waited?;
        state.outcome(&lost_before)?;
        // With a flight recorder, waiting spans are not lost.
        let reason = state.failing();
        drop(state);
        match self.waiting() {
            0 => Ok(()),
            waiting => Err(FlushError::Timeout { waiting, reason }),
        }
    }

    /// Waits until `is_done`, or succeeds at the timeout if no spans wait, whatever the workers
    /// still have to do.
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

    /// Number of waiting spans of the destination with the most.
    fn waiting(&self) -> u64 {
        let destinations = self.destination_counts();
        let waiting = destinations.iter().map(|it| it.counts.waiting);
        waiting.max().unwrap_or_default()
    }

    /// The counts of the destination that is furthest behind.
    pub(crate) fn counts(&self) -> SpanCounts {
        let counts = self.destination_counts().into_iter().map(|it| it.counts);
        counts
            .max_by_key(|counts| counts.waiting + counts.dropped.total())
            .unwrap_or_default()
    }

    /// All started spans, and the open ones that are recorded only.
    pub(in crate::pipeline) fn start_counts(&self) -> StartCounts {
        match self.fork_guard.is_forked_child() {
            true => StartCounts::default(),
            false => self.lanes.totals().1,
        }
    }

    pub(crate) fn destination_counts(&self) -> Vec<DestinationCounts> {
        if self.fork_guard.is_forked_child() {
            return Vec::new();
        }
        // Read from the last state to the first, so that no span is counted in a later state than
        // it has reached.
        let state = self.lock();
        let snapshot: Vec<_> = state
            .destinations
            .iter()
            .map(Destination::snapshot)
            .collect();
        let stopped = state.stopped;
        drop(state);
        let (totals, starts) = self.lanes.totals();
        let started = starts.exportable();
        let recovered = self.recovered.load(Ordering::Relaxed);
        let (recorded, durable) = match self.recorder.get() {
            Some(recorder) => (
                totals.recorded + recovered,
                recorder.durable(totals.recorded) + recovered,
            ),
            None => (0, 0),
        };
        let destinations = snapshot.into_iter().map(|mut snapshot| {
            let counts = &mut snapshot.counts;
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
                // They will not be exported any more.
                counts.dropped.after_shutdown += std::mem::take(&mut counts.open);
            }
            snapshot
        });
        destinations.collect()
    }
}
