//! Every thread's lane, and the way from a thread to its own.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::lane::{Lane, LaneTotals};
use crate::sync::{self, Mutex, MutexGuard, thread_local};

thread_local! {
    /// This thread's lanes, one for each pipeline that it has recorded in.
    static MINE: RefCell<Vec<Mine>> = const { RefCell::new(Vec::new()) };
}

struct Mine {
    pipeline: u64,
    lane: Arc<Lane>,
}

/// The lanes of one pipeline.
#[derive(Debug)]
pub(super) struct Lanes {
    pipeline: u64,
    /// For threads that have no lane of their own.
    stray: Arc<Lane>,
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    lanes: Vec<Arc<Lane>>,
    /// The counts of threads that have ended.
    retired: LaneTotals,
    retired_started: u64,
}

impl Default for Lanes {
    fn default() -> Self {
        static PIPELINES: AtomicU64 = AtomicU64::new(0);
        let stray = Arc::new(Lane::shared());
        Self {
            pipeline: PIPELINES.fetch_add(1, Ordering::Relaxed),
            registry: Mutex::new(Registry {
                lanes: vec![Arc::clone(&stray)],
                ..Registry::default()
            }),
            stray,
        }
    }
}

impl Lanes {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` with this thread's lane.
    #[inline]
    pub(super) fn with<T>(&self, work: impl FnOnce(&Lane) -> T) -> T {
        let mut work = Some(work);
        let mut done = None;
        // Not there while a thread ends, and taken if `work` itself gets here again.
        let _ = MINE.try_with(|mine| {
            let Ok(mut mine) = mine.try_borrow_mut() else {
                return;
            };
            let known = mine.iter().position(|mine| mine.pipeline == self.pipeline);
            let at = known.unwrap_or_else(|| self.join(&mut mine));
            if let (Some(mine), Some(work)) = (mine.get(at), work.take()) {
                done = Some(work(&mine.lane));
            }
        });
        match (done, work) {
            (Some(done), _) => done,
            (None, Some(work)) => work(&self.stray),
            // Not reached: what was not taken is there.
            (None, None) => unreachable!("work is done or left"),
        }
    }

    /// Gives this thread a lane.
    #[cold]
    fn join(&self, mine: &mut Vec<Mine>) -> usize {
        // Pipelines that are gone have left theirs behind.
        mine.retain(|mine| Arc::strong_count(&mine.lane) > 1);
        let lane = Arc::<Lane>::default();
        self.registry().lanes.push(Arc::clone(&lane));
        mine.push(Mine {
            pipeline: self.pipeline,
            lane,
        });
        mine.len() - 1
    }

    /// Visits every lane, and strikes off those whose threads have ended: `each` is told. Nobody else visits them until
    /// the caller lets go of what this gives.
    pub(super) fn visit(&self, mut each: impl FnMut(&Lane, bool)) -> MutexGuard<'_, Registry> {
        let mut registry = self.registry();
        let mut retired = LaneTotals::default();
        let mut retired_started = 0;
        registry.lanes.retain(|lane| {
            // Before the visit: what the thread has left is visited then.
            let is_left = sync::holders(lane) == 1;
            each(lane, is_left);
            if is_left {
                retired.add(lane.lock().totals);
                retired_started += lane.started();
            }
            !is_left
        });
        registry.retired.add(retired);
        registry.retired_started += retired_started;
        registry
    }

    /// Takes the room that threads have and don't use. Waits for nobody, as the caller holds its own lane: those that
    /// others hold are left alone.
    pub(super) fn take_credit(&self) -> usize {
        let Some(registry) = sync::free(self.registry.try_lock()) else {
            return 0;
        };
        let free = registry.lanes.iter().filter_map(|lane| lane.try_lock());
        free.map(|mut state| std::mem::take(&mut state.credit))
            .sum()
    }

    /// What all threads together have counted: ended and dropped first, then started.
    pub(super) fn totals(&self) -> (LaneTotals, u64) {
        let registry = self.registry();
        let mut totals = registry.retired;
        for lane in &registry.lanes {
            totals.add(lane.lock().totals);
        }
        // Afterwards: a span is counted as started before it can be counted as ended.
        let started: u64 = registry.lanes.iter().map(|lane| lane.started()).sum();
        (totals, registry.retired_started + started)
    }
}
