//! The thread that looks after a recorder's segments: makes them, syncs them, uses them again, drops the oldest.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::options::WhenFull;
use super::super::segment::{Part, Segment};
use super::{MOST_PREPARED, PREPARED, Recorder};
use crate::pipeline::{PipelineEvent, announce};

/// After a failure the disk is left alone for so long.
const REST: Duration = Duration::from_secs(1);

/// Takes the oldest segment away from whoever waits for it, and gives how many spans are lost with it.
pub(crate) type Evict = Box<dyn Fn(&dyn Fn(&Part) -> bool) -> u64 + Send>;

impl Recorder {
    /// Looks after the segments until it is stopped.
    pub(crate) fn run(&self, evict: &Evict) {
        let interval = self.options.interval();
        loop {
            self.calls.beat();
            self.tend(evict);
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

    /// One round of the thread.
    pub(in super::super) fn tend(&self, evict: &Evict) {
        if self.is_synced() {
            self.sync();
        }
        self.reclaim();
        loop {
            {
                let state = self.lock();
                let rests = state.rest_until.is_some_and(|until| Instant::now() < until);
                if state.prepared.len() >= PREPARED || state.stopping || rests {
                    return;
                }
            }
            if self.has_room() {
                match self.make() {
                    Ok(segment) => self.made(segment),
                    Err(error) => self.not_made(error.to_string()),
                }
            } else if let Some((segment, lost)) = self.evict(evict) {
                self.evicted(segment, lost);
            } else {
                let bytes = self.options.max_bytes();
                self.not_made(format!("all of its {bytes} bytes are in use"));
            }
        }
    }

    /// A segment more, at the price of what was in it. Said once, until segments come back by themselves.
    fn evicted(&self, segment: Arc<Segment>, lost: u64) {
        if segment.is_poisoned() {
            // Nobody writes there; another one takes its room.
            self.forget(&segment);
        } else {
            self.lock().prepared.push(segment);
        }
        let mut state = self.lock();
        state.rest_until = None;
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
            (state.all.len() as u64 + 1) * segment + self.leftover_bytes.load(Ordering::Relaxed);
        bytes <= self.options.max_bytes()
    }

    /// A segment more.
    fn made(&self, segment: Arc<Segment>) {
        let mut state = self.lock();
        state.prepared.push(segment);
        state.rest_until = None;
        let was_failing = state.failing.take().is_some();
        drop(state);
        if was_failing {
            announce(&self.listener.0, &PipelineEvent::RecorderRecovered);
        }
    }

    /// No segment, for a reason that is said when it is new, and once there is really none.
    fn not_made(&self, reason: String) {
        let mut state = self.lock();
        state.rest_until = Some(Instant::now() + REST.min(self.options.interval()));
        let is_over = state.prepared.is_empty() && state.open.is_empty();
        if !is_over {
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

    /// What every destination has is used again, or given back.
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
        let is_wanted = self.lock().prepared.len() < MOST_PREPARED;
        if is_wanted && !segment.is_poisoned() {
            segment.start_over();
            if !self.is_synced() || segment.sync_header().is_ok() {
                self.made(segment);
                return;
            }
        }
        self.forget(&segment);
    }

    fn forget(&self, segment: &Arc<Segment>) {
        // The cursor says already that all of it has arrived, so a crash right here costs nothing.
        let _ = self.storage.remove(&segment.name);
        self.lock().all.retain(|known| !Arc::ptr_eq(known, segment));
    }

    /// The oldest segment, emptied, if that is what is to happen when there is no room; and how many spans that costs.
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
            // Somebody was quicker: it will be done soon.
            self.lock().sealed.push_front(oldest);
            return None;
        }
        oldest.start_over();
        Some((oldest, lost))
    }

    /// Has the disk know all that was appended.
    fn sync(&self) {
        let segments = self.lock().all.clone();
        let mut is_synced = match self.meta.sync() {
            Ok(is_synced) => is_synced,
            // Its scopes may be missing after a power cut, so none of the spans counts.
            Err(error) => return self.not_synced(&error),
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
                    // What a failed sync has left on the disk nobody can tell, a second one included.
                    segment.poison();
                    failed = Some(error);
                }
            }
        }
        is_synced |= more > 0;
        let uncounted = std::mem::take(&mut self.lock().uncounted) + more;
        // Once more, if a scope has come meanwhile: it is in there before the first of its spans is in a segment.
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
            Some(error) => self.not_synced(&error),
            None if is_synced => self.synced_again(),
            // Nothing is known of the disk.
            None => {}
        }
        // Of calls nothing is promised: what the disk has of them it has.
        let _ = self.calls.sync();
    }

    fn not_synced(&self, error: &io::Error) {
        let reason = format!("the disk: {error}");
        let before = self.lock().not_synced.replace(reason.clone());
        if before.is_none() {
            announce(&self.listener.0, &PipelineEvent::RecorderFailing { reason });
        }
    }

    fn synced_again(&self) {
        let before = self.lock().not_synced.take();
        if before.is_some() {
            announce(&self.listener.0, &PipelineEvent::RecorderRecovered);
        }
    }
}
