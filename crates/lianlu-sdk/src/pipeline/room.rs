//! The memory that the pipeline may use, and the buffers that go round in it.

use std::sync::{Arc, PoisonError};

use super::limits::Limits;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// Buffers that are kept to be used again, and the largest that is.
const SPARE_BUFFERS: usize = 32;
const LARGEST_SPARE: usize = 1024 * 1024;

/// Most spans that a thread gets room for at once.
const LARGEST_PORTION: usize = 64;

/// Counts what waits in memory.
#[derive(Debug)]
pub(super) struct Room {
    limits: Limits,
    /// How many spans may wait besides those that do, or that a thread has room for.
    spans: AtomicUsize,
    /// Bytes that were handed over and are not exported.
    bytes: AtomicUsize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            spans: AtomicUsize::new(limits.queue_size),
            bytes: AtomicUsize::new(0),
            spare: Mutex::default(),
        }
    }

    /// A portion of what is left, and whether that is getting scarce. 0 if there is none.
    pub(super) fn ask(&self) -> (usize, bool) {
        let portion = (self.limits.queue_size / 64).clamp(1, LARGEST_PORTION);
        let taken = self
            .spans
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                (room > 0).then(|| room - room.min(portion))
            });
        let room = taken.unwrap_or_default();
        (room.min(portion), room <= self.limits.queue_size / 2)
    }

    /// Whether more than half of it is free.
    pub(super) fn is_wide(&self) -> bool {
        self.spans.load(Ordering::Relaxed) > self.limits.queue_size / 2
            && self.bytes.load(Ordering::Relaxed) < self.limits.queue_bytes / 2
    }

    /// Takes bytes in, if the limit allows it.
    pub(super) fn admit(&self, bytes: usize) -> bool {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.limits.queue_bytes {
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

    /// A buffer that will probably get `length` bytes.
    pub(super) fn buffer(&self, length: usize) -> Vec<u8> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let spare = spare.pop();
        // At once, or it would be copied again and again while it grows. Memory that nobody writes to costs nothing.
        spare.unwrap_or_else(|| Vec::with_capacity(length + length / 8))
    }

    /// Takes a buffer that nobody else needs any more, to be used again.
    pub(super) fn recycle(&self, buffer: Arc<Vec<u8>>) {
        let Some(mut buffer) = Arc::into_inner(buffer) else {
            return;
        };
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS && (1..=LARGEST_SPARE).contains(&buffer.capacity()) {
            buffer.clear();
            spare.push(buffer);
        }
    }
}
