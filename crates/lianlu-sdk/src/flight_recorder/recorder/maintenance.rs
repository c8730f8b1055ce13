//! The recorder's thread: creates, syncs and reuses segments, and drops the oldest.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::options::WhenFull;
use super::super::segment::{Part, Segment};
use super::{MAX_PREPARED, PREPARED, Recorder};
use crate::pipeline::{PipelineEvent, announce};

/// Pause after a failure of the disk.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Removes the oldest segment from all queues; returns the number of spans lost with it.
pub(crate) type Evict = Box<dyn Fn(&dyn Fn(&Part) -> bool) -> u64 + Send>;

impl Recorder {
    /// Maintains the segments until the recorder is stopped.
    pub(crate) fn run(&self, evict: &Evict) {
        let interval = self.options.interval();
        loop {
            self.calls.update_heartbeat();
            self.maintain(evict);
            let mut state = self.lock();
            if state.stopping {
                state.stopped = true;
                self.done.notify_all();
                return;
            }
            if !state.is_asked {
                state = self
                    .work
                    .wait_timeout(state, interval)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            state.is_asked = false;
        }
    }

    /// One iteration of the thread.
    pub(in super::super) fn maintain(&self, evict: &Evict) {
        if self.is_synced() {
            self.sync();
        }
        self.reclaim();
        loop {
            {
                let state = self.lock();
                let is_paused = state
                    .pause_until
                    .is_some_and(|until| Instant::now() < until);
                if state.prepared.len() >= PREPARED || state.stopping || is_paused {
                    return;
                }
            }
            if self.has_room() {
                match self.make() {
                    Ok(segment) => self.add_prepared(segment),
                    Err(error) => self.make_failed(error.to_string()),
                }
            } else if let Some((segment, lost)) = self.evict(evict) {
                self.add_evicted(segment, lost);
            } else {
                let bytes = self.options.max_bytes();
                self.make_failed(format!("all of its {bytes} bytes are in use"));
            }
        }
    }

    /// Adds a segment whose spans were dropped. Reported once, until segments become free without
    /// dropping.
    fn add_evicted(&self, segment: Arc<Segment>, lost: u64) {
        if segment.is_poisoned() {
            // Not written to any more; its space is used for a new segment.
            self.forget(&segment);
        } else {
            self.lock().prepared.push(segment);
        }
        let mut state = self.lock();
        state.pause_until = None;
        if lost > 0 && state.failing.is_none() {
            state.failing = Some("full, the oldest spans are dropped".to_owned());
            drop(state);
            let max_bytes = self.options.max_bytes();
            announce(&self.listener.0, &PipelineEvent::RecorderFull { max_bytes });
        }
    }

    pub(super) fn has_room(&self) -> bool {
        let segment = self.options.segment_bytes() as u64;
        let state = self.lock();
        let bytes =
            (state.all.len() as u64 + 1) * segment + self.earlier_bytes.load(Ordering::Relaxed);
        bytes <= self.options.max_bytes()
    }

    /// Adds a prepared segment.
    fn add_prepared(&self, segment: Arc<Segment>) {
        let mut state = self.lock();
        state.prepared.push(segment);
        state.pause_until = None;
        let was_failing = state.failing.take().is_some();
        drop(state);
        if was_failing {
            announce(&self.listener.0, &PipelineEvent::RecorderRecovered);
        }
    }

    /// Handles the failure to provide a segment. Reported once, when no segment is left.
    fn make_failed(&self, reason: String) {
        let mut state = self.lock();
        state.pause_until = Some(Instant::now() + RETRY_PAUSE.min(self.options.interval()));
        let is_exhausted = state.prepared.is_empty() && state.open.is_empty();
        if !is_exhausted {
            return;
        }
        let before = state.failing.replace(reason.clone());
        drop(state);
        if before.is_none() {
            announce(&self.listener.0, &PipelineEvent::RecorderFailing { reason });
        }
    }

    pub(super) fn make(&self) -> io::Result<Arc<Segment>> {
        let name = {
            let mut state = self.lock();
            state.made += 1;
            format!("{:06}.spans", state.made)
        };
        let region = self.storage.create(&name, self.options.segment_bytes())?;
        let segment = Arc::new(Segment::new(name, region));
        if self.is_synced() {
            let known = segment.sync_header().and_then(|()| self.storage.sync());
            if let Err(error) = known {
                let _ = self.storage.remove(&segment.name);
                return Err(error);
            }
        }
        self.lock().all.push(Arc::clone(&segment));
        Ok(segment)
    }

    /// Reuses or deletes segments that every destination has received.
    fn reclaim(&self) {
        let done: Vec<_> = {
            let mut state = self.lock();
            let destinations = self.destinations.len();
            let (done, sealed) = state
                .sealed
                .drain(..)
                .partition(|segment| segment.is_done(destinations));
            state.sealed = sealed;
            Vec::from(done)
        };
        for segment in done {
            self.reuse(segment);
        }
    }

    fn reuse(&self, segment: Arc<Segment>) {
        let is_wanted = self.lock().prepared.len() < MAX_PREPARED;
        if is_wanted && !segment.is_poisoned() {
            segment.start_generation();
            if !self.is_synced() || segment.sync_header().is_ok() {
                self.add_prepared(segment);
                return;
            }
        }
        self.forget(&segment);
    }

    fn forget(&self, segment: &Arc<Segment>) {
        // The cursors are already at the end, so a crash here loses nothing.
        let _ = self.storage.remove(&segment.name);
        self.lock().all.retain(|known| !Arc::ptr_eq(known, segment));
    }

    /// Empties the oldest segment if the recorder is configured to; also returns the number of
    /// spans lost.
    fn evict(&self, evict: &Evict) -> Option<(Arc<Segment>, u64)> {
        if self.options.when_full != WhenFull::DropOldest {
            return None;
        }
        let oldest = {
            let mut state = self.lock();
            let at = state.sealed.iter().position(|it| !it.is_in_flight())?;
            state.sealed.remove(at)?
        };
        let lost = evict(&|part| Arc::ptr_eq(&part.segment, &oldest));
        if oldest.is_in_flight() {
            // A worker has just started sending it: it will be free soon.
            self.lock().sealed.push_front(oldest);
            return None;
        }
        oldest.start_generation();
        Some((oldest, lost))
    }

    /// Syncs everything that was appended.
    fn sync(&self) {
        let segments = self.lock().all.clone();
        let mut is_synced = match self.meta.sync() {
            Ok(is_synced) => is_synced,
            // Its scopes may be missing after a power loss, so none of the spans counts as durable.
            Err(error) => return self.sync_failed(&error),
        };
        let mut more = 0;
        let mut failed = None;
        for segment in segments {
            if segment.is_poisoned() {
                continue;
            }
            match segment.sync() {
                Ok(spans) => more += spans,
                Err(error) => {
                    // The state on disk after a failed sync is unknown, even if a second one
                    // succeeds.
                    segment.poison();
                    failed = Some(error);
                }
            }
        }
        is_synced |= more > 0;
        let uncounted = std::mem::take(&mut self.lock().uncounted) + more;
        // Again, because a scope may have been added: it is written there before its first span is
        // written to a segment.
        match self.meta.sync() {
            Ok(has_synced) => {
                is_synced |= has_synced;
                self.synced.fetch_add(uncounted, Ordering::AcqRel);
            }
            Err(error) => {
                self.lock().uncounted = uncounted;
                failed = Some(error);
            }
        }
        match failed {
            Some(error) => self.sync_failed(&error),
            None if is_synced => self.sync_recovered(),
            // Nothing was synced, so the state of the disk is unknown.
            None => {}
        }
        // Calls have no durability guarantee, so errors are ignored.
        let _ = self.calls.sync();
    }

    fn sync_failed(&self, error: &io::Error) {
        let reason = format!("the disk: {error}");
        let before = self.lock().sync_error.replace(reason.clone());
        if before.is_none() {
            announce(&self.listener.0, &PipelineEvent::RecorderFailing { reason });
        }
    }

    fn sync_recovered(&self) {
        let before = self.lock().sync_error.take();
        if before.is_some() {
            announce(&self.listener.0, &PipelineEvent::RecorderRecovered);
        }
    }
}
