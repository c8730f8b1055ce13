//! The lanes of all threads, and access to the current thread's lane.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::lane::{Lane, LaneTotals};
use super::starts::StartCounts;
use crate::sync::{self, Mutex, MutexGuard, thread_local};

thread_local! {
    /// The lanes of this thread, one for each pipeline that it has used.
    static THREAD_LANES: RefCell<Vec<ThreadLane>> = const { RefCell::new(Vec::new()) };
}

struct ThreadLane {
    pipeline: u64,
    lane: Arc<Lane>,
}

/// The lanes of one pipeline.
#[derive(Debug)]
pub(super) struct Lanes {
    pipeline: u64,
    /// For threads without a lane of their own.
    shared_lane: Arc<Lane>,
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    lanes: Vec<Arc<Lane>>,
    /// The counts of threads that have ended.
    retired: LaneTotals,
    retired_starts: StartCounts,
}

impl Default for Lanes {
    fn default() -> Self {
        static PIPELINES: AtomicU64 = AtomicU64::new(0);
        let shared_lane = Arc::new(Lane::shared());
        Self {
            pipeline: PIPELINES.fetch_add(1, Ordering::Relaxed),
            registry: Mutex::new(Registry {
                lanes: vec![Arc::clone(&shared_lane)],
                ..Registry::default()
            }),
            shared_lane,
        }
    }
}

impl Lanes {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `work` with this thread's lane.
    #[inline]
    pub(super) fn with<T>(&self, work: impl FnOnce(&Lane) -> T) -> T {
        let mut work = Some(work);
        let mut done = None;
        // Unavailable while a thread ends, and borrowed if `work` calls this recursively.
        let _ = THREAD_LANES.try_with(|lanes| {
            let Ok(mut lanes) = lanes.try_borrow_mut() else {
                return;
            };
            let known = lanes
                .iter()
                .position(|entry| entry.pipeline == self.pipeline);
            let at = known.unwrap_or_else(|| self.register(&mut lanes));
            if let (Some(entry), Some(work)) = (lanes.get(at), work.take()) {
                done = Some(work(&entry.lane));
            }
        });
        match (done, work) {
            (Some(done), _) => done,
            (None, Some(work)) => work(&self.shared_lane),
            // Unreachable: `work` was either called or not.
            (None, None) => unreachable!("work is done or left"),
        }
    }

    /// Registers a lane for this thread.
    #[cold]
    fn register(&self, lanes: &mut Vec<ThreadLane>) -> usize {
        // Remove the lanes of pipelines that are gone.
        lanes.retain(|entry| Arc::strong_count(&entry.lane) > 1);
        let lane = Arc::<Lane>::default();
        self.registry().lanes.push(Arc::clone(&lane));
        lanes.push(ThreadLane {
            pipeline: self.pipeline,
            lane,
        });
        lanes.len() - 1
    }

    /// Visits every lane and removes those of ended threads, which `each` learns from its argument.
    /// No other visit can happen until the returned guard is dropped.
    pub(super) fn visit(&self, mut each: impl FnMut(&Lane, bool)) -> MutexGuard<'_, Registry> {
        let mut registry = self.registry();
        let mut retired = LaneTotals::default();
        let mut retired_starts = StartCounts::default();
        registry.lanes.retain(|lane| {
            // Checked before the visit, so that the visit takes everything the thread has left.
            let has_ended = sync::holders(lane) == 1;
            each(lane, has_ended);
            if has_ended {
                retired.add(lane.lock().totals);
                retired_starts.add(&lane.starts);
            }
            !has_ended
        });
        registry.retired.add(retired);
        registry.retired_starts.add_counts(&retired_starts);
        registry
    }

    /// Takes back unused credit of threads. Does not block, because the caller has locked its own
    /// lane: locked lanes are skipped.
    pub(super) fn reclaim_credit(&self) -> usize {
        let Some(registry) = sync::free(self.registry.try_lock()) else {
            return 0;
        };
        let free = registry.lanes.iter().filter_map(|lane| lane.try_lock());
        free.map(|mut state| std::mem::take(&mut state.credit))
            .sum()
    }

    /// The totals of all threads: ended and dropped spans first, then started ones.
    pub(super) fn totals(&self) -> (LaneTotals, StartCounts) {
        let registry = self.registry();
        let mut totals = registry.retired;
        for lane in &registry.lanes {
            totals.add(lane.lock().totals);
        }
        // Read last: a span is counted as started before it can be counted as ended.
        let mut starts = registry.retired_starts;
        for lane in &registry.lanes {
            starts.add(&lane.starts);
        }
        (totals, starts)
    }
}
