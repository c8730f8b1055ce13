//! Where one thread's spans wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::run::Run;
use crate::encode::EncodedScope;

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
    pub(super) runs: Vec<Run>,
    /// How many spans the runs hold.
    pub(super) spans: usize,
    /// How many more the thread may add before it asks for room again.
    pub(super) credit: usize,
    pub(super) totals: LaneTotals,
}

/// What only grows.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct LaneTotals {
    pub(super) ended: u64,
    pub(super) queue_full: u64,
    pub(super) after_shutdown: u64,
}

impl LaneTotals {
    pub(super) fn add(&mut self, other: Self) {
        self.ended += other.ended;
        self.queue_full += other.queue_full;
        self.after_shutdown += other.after_shutdown;
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
}

impl LaneState {
    /// Appends a span to the run of its scope, and gives how many bytes that has then.
    #[inline]
    pub(super) fn append(
        &mut self,
        scope: &Arc<EncodedScope>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        self.spans += 1;
        // Few scopes, and mostly the same ones.
        let same = |run: &&mut Run| Arc::ptr_eq(&run.scope, scope);
        if let Some(run) = self.runs.iter_mut().find(same) {
            write(&mut run.bytes);
            run.spans += 1;
            return run.bytes.len();
        }
        let mut bytes = Vec::new();
        write(&mut bytes);
        let length = bytes.len();
        self.runs.push(Run {
            scope: Arc::clone(scope),
            bytes,
            spans: 1,
        });
        length
    }

    /// Forgets all that waits.
    pub(super) fn clear(&mut self) {
        self.spans = 0;
        self.runs.clear();
    }

    /// Takes all that waits, and leaves buffers for what comes.
    pub(super) fn take(&mut self, mut buffer: impl FnMut() -> Vec<u8>) -> Vec<Run> {
        self.spans = 0;
        // A scope that was not used since the last time is forgotten.
        self.runs.retain(|run| run.spans > 0);
        self.runs
            .iter_mut()
            .map(|run| Run {
                scope: Arc::clone(&run.scope),
                bytes: std::mem::replace(&mut run.bytes, buffer()),
                spans: std::mem::take(&mut run.spans),
            })
            .collect()
    }
}
