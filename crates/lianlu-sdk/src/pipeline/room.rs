//! The memory that the pipeline may use, and the buffers that go round in it.

use std::sync::{Arc, PoisonError};

use super::limits::Limits;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Buffers that are kept to be used again, and the largest that is.
const SPARE_BUFFERS: usize = 32;
const LARGEST_SPARE: usize = 1024 * 1024;

/// Most spans that a thread gets room for at once, and how much of what is left.
const LARGEST_PORTION: usize = 64;
const SHARES: usize = if cfg!(all(test, lianlu_shuttle)) {
    2
} else {
    128
};

/// Counts what waits in memory.
#[derive(Debug)]
pub(super) struct Room {
    limits: Limits,
    /// How many spans may wait besides those that do, or that a thread has room for.
    spans: AtomicUsize,
    /// Whether a thread got room for more than one since somebody looked for what they don't use.
    is_lent: AtomicBool,
    /// Bytes that were handed over and are not exported.
    bytes: AtomicUsize,
    /// Empty, and nobody else's.
    spare: Mutex<Vec<Arc<Vec<u8>>>>,
}

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            spans: AtomicUsize::new(limits.queue_size),
            is_lent: AtomicBool::new(false),
            bytes: AtomicUsize::new(0),
            spare: Mutex::default(),
        }
    }

    /// A portion of what is left, and whether that is getting scarce. 0 if there is none.
    pub(super) fn ask(&self) -> (usize, bool) {
        let portion = |room: usize| (room / SHARES).clamp(1, LARGEST_PORTION).min(room);
        let taken = self
            .spans
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                (room > 0).then(|| room - portion(room))
            });
        let room = taken.unwrap_or_default();
        let portion = portion(room);
        if portion > 1 {
            self.is_lent.store(true, Ordering::Relaxed);
        }
        (portion, room <= self.limits.queue_size / 2)
    }

    /// Whether a thread may have room that it doesn't use, once for each time that one got some.
    pub(super) fn may_be_lent(&self) -> bool {
        self.is_lent.swap(false, Ordering::Relaxed)
    }

    /// Whether more than half of it is free.
    pub(super) fn is_wide(&self) -> bool {
        self.spans.load(Ordering::Relaxed) > self.limits.queue_size / 2
            && self.bytes.load(Ordering::Relaxed) < self.limits.queue_bytes / 2
    }

    /// Takes bytes in, if the limit allows it or nothing else waits.
    pub(super) fn admit(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if bytes == 0 || before == 0 || before + bytes <= self.limits.queue_bytes {
            return true;
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        false
    }

    /// Takes them in whatever the limit is.
    pub(super) fn take_in(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, spans: usize, bytes: usize) {
        self.spans.fetch_add(spans, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether nothing waits, and no thread has room.
    #[cfg(all(test, lianlu_shuttle))]
    pub(super) fn is_whole(&self) -> bool {
        let (spans, bytes) = (&self.spans, &self.bytes);
        spans.load(Ordering::SeqCst) == self.limits.queue_size && bytes.load(Ordering::SeqCst) == 0
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Arc<Vec<u8>>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer that will probably get `length` bytes.
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let spare = self.spare().pop();
        // At once, or it would be copied again and again while it grows. Memory that nobody writes to costs nothing.
        let new = || Vec::with_capacity(length + length / 8);
        spare.and_then(Arc::into_inner).unwrap_or_else(new)
    }

    /// What is in a buffer, to be shared; one that is as large takes its place.
    pub(super) fn exchange(&self, full: &mut Vec<u8>) -> Arc<Vec<u8>> {
        let spare = self.spare().pop();
        let mut empty = spare.unwrap_or_else(|| Arc::new(self.buffer(full.len())));
        if let Some(empty) = Arc::get_mut(&mut empty) {
            std::mem::swap(empty, full);
        }
        empty
    }

    /// Takes a buffer that nobody else needs any more, to be used again.
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
