//! The memory budget of the pipeline and its reusable buffers.

use std::sync::{Arc, PoisonError};

use super::limits::Limits;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Maximum number and size of buffers kept for reuse.
const SPARE_BUFFERS: usize = 32;
const LARGEST_SPARE: usize = 1024 * 1024;

/// Maximum credit of a thread in spans, and the fraction of the remaining budget that it gets.
const LARGEST_PORTION: usize = 64;
const SHARES: usize = if cfg!(all(test, lianlu_shuttle)) {
    2
} else {
    128
};

/// Counts the spans waiting in memory and limits them.
#[derive(Debug)]
pub(super) struct QueueBudget {
    limits: Limits,
    /// Remaining spans: those that neither wait nor are credited to a thread.
    spans: AtomicUsize,
    /// Whether a thread got credit for more than one span since unused credit was last reclaimed.
    has_lent: AtomicBool,
    /// Size of the spans that were handed over and not exported.
    bytes: AtomicUsize,
    /// Empty buffers, not shared.
    spare: Mutex<Vec<Arc<Vec<u8>>>>,
}

impl QueueBudget {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            spans: AtomicUsize::new(limits.queue_size),
            has_lent: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
            spare: Mutex::default(),
        }
    }

    /// Reserves a portion of the remaining spans; also returns whether little remains. 0 if none
    /// remain.
    pub(super) fn reserve(&self) -> (usize, bool) {
        let portion = |remaining: usize| {
            (remaining / SHARES)
                .clamp(1, LARGEST_PORTION)
                .min(remaining)
        };
        let taken = self
            .spans
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |remaining| {
                (remaining > 0).then(|| remaining - portion(remaining))
            });
        let remaining = taken.unwrap_or_default();
        let portion = portion(remaining);
        if portion > 1 {
            self.has_lent.store(true, Ordering::Relaxed);
        }
        (portion, remaining <= self.limits.queue_size / 2)
    }

    /// Whether threads may have unused credit. Resets the flag.
    pub(super) fn take_has_lent(&self) -> bool {
        self.has_lent.swap(false, Ordering::Relaxed)
    }

    /// Whether more than half of the budget is free.
    pub(super) fn is_half_free(&self) -> bool {
        self.spans.load(Ordering::Relaxed) > self.limits.queue_size / 2
            && self.bytes.load(Ordering::Relaxed) < self.limits.queue_bytes / 2
    }

    /// Adds bytes if the limit allows it or nothing else waits.
    pub(super) fn try_add_bytes(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if bytes == 0 || before == 0 || before + bytes <= self.limits.queue_bytes {
            return true;
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        false
    }

    /// Adds bytes regardless of the limit.
    pub(super) fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn release(&self, spans: usize, bytes: usize) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether nothing waits and no thread has credit.
    #[cfg(all(test, lianlu_shuttle))]
    pub(super) fn is_unused(&self) -> bool {
        let (spans, bytes) = (&self.spans, &self.bytes);
        spans.load(Ordering::SeqCst) == self.limits.queue_size && bytes.load(Ordering::SeqCst) == 0
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Arc<Vec<u8>>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer for about `length` bytes.
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let spare = self.spare().pop();
        // Reserved at once to avoid copies while it grows. Untouched memory costs nothing.
        let new = || Vec::with_capacity(length + length / 8);
        spare.and_then(Arc::into_inner).unwrap_or_else(new)
    }

    /// Makes the content of a buffer shareable and replaces the buffer by an empty one of the same
    /// size.
    pub(super) fn exchange(&self, full: &mut Vec<u8>) -> Arc<Vec<u8>> {
        let spare = self.spare().pop();
        let mut empty = spare.unwrap_or_else(|| Arc::new(self.buffer(full.len())));
        if let Some(empty) = Arc::get_mut(&mut empty) {
            std::mem::swap(empty, full);
        }
        empty
    }

    /// Keeps a buffer for reuse, if it is not shared.
    pub(super) fn recycle(&self, mut buffer: Arc<Vec<u8>>) {
        let Some(bytes) = Arc::get_mut(&mut buffer) else {
            return;
        };
        if !(1..=LARGEST_SPARE).contains(&bytes.capacity()) {
            return;
        }
        bytes.clear();
        let mut spare = self.spare();
        if spare.len() < SPARE_BUFFERS {
            spare.push(buffer);
        }
    }
}
