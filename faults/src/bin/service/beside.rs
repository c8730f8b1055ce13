//! Work that another thread does again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Repeats some work on a thread of its own until it is dropped.
#[must_use = "it ends when it is dropped"]
pub(crate) struct Beside {
    is_over: Arc<AtomicBool>,
    times: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    pub(crate) fn new(mut work: impl FnMut() + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let times: Arc<AtomicU64> = Arc::default();
        let (ends, counter) = (Arc::clone(&is_over), Arc::clone(&times));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                work();
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            is_over,
            times,
            thread: Some(thread),
        }
    }

    /// How often the work was done.
    pub(crate) fn times(&self) -> u64 {
        self.times.load(Ordering::Relaxed)
    }
}

impl Drop for Beside {
    /// Waits until the work is done for the last time.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let result = thread.join();
            assert!(result.is_ok() || thread::panicking(), "the work has failed");
        }
    }
}
