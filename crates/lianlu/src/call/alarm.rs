//! Wakes tasks at a given time, without an async runtime's timer.
//!
//! A sliced stream that is idle is not polled. One thread for the whole process, started with the
//! first such stream, wakes its task when a slice is over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::Instant;

/// A time at which a task is woken. Dropping the alarm cancels it.
#[derive(Debug)]
pub(crate) struct Alarm {
    at: Instant,
    waker: Arc<Mutex<Waker>>,
}

impl Alarm {
    pub(crate) fn set(at: Instant, waker: &Waker) -> Self {
        let waker = Arc::new(Mutex::new(waker.clone()));
        if let Some(clock) = &*CLOCK {
            clock.add(at, Arc::downgrade(&waker));
        }
        Self { at, waker }
    }

    /// Replaces the waker: the task may have been given another one.
    pub(crate) fn update(&self, waker: &Waker) {
        let mut known = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.will_wake(waker) {
            known.clone_from(waker);
        }
    }

    pub(crate) fn at(&self) -> Instant {
        self.at
    }
}

/// `None` if the system cannot start a thread. A slice then ends when the stream is next polled.
static CLOCK: LazyLock<Option<&'static Clock>> = LazyLock::new(|| {
    let clock: &'static Clock = Box::leak(Box::default());
    let thread = std::thread::Builder::new().name("lianlu-slices".to_owned());
    thread.spawn(|| clock.run()).ok().map(|_| clock)
});

/// The smallest number of entries at which cancelled alarms are removed from the queue.
const SPARE: usize = 1024;

#[derive(Default)]
struct Clock {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

#[derive(Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    /// Number of entries at which cancelled ones are removed. Without this limit, a server with
    /// short calls and long slices would keep an entry for each call until the time of its slice is
    /// over.
    limit: usize,
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.limit {
            self.entries
                .retain(|Reverse(entry)| entry.waker.strong_count() > 0);
            self.limit = (self.entries.len() * 2).max(SPARE);
        }
        self.entries.push(Reverse(entry));
    }
}

struct Entry {
    at: Instant,
    waker: Weak<Mutex<Waker>>,
}

impl Clock {
    fn add(&self, at: Instant, waker: Weak<Mutex<Waker>>) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.entries.peek();
        let is_first = first.is_none_or(|Reverse(first)| at < first.at);
        queue.push(Entry { at, waker });
        drop(queue);
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn run(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            let first = queue.entries.peek();
            let wait = first.map(|Reverse(first)| first.at.saturating_duration_since(now));
            match wait {
                Some(wait) if wait.is_zero() => {
                    let Some(Reverse(due)) = queue.entries.pop() else {
                        continue;
                    };
                    drop(queue);
                    due.ring();
                    queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                }
                Some(wait) => {
                    let woken = self.earlier.wait_timeout(queue, wait);
                    (queue, _) = woken.unwrap_or_else(PoisonError::into_inner);
                }
                None => {
                    let woken = self.earlier.wait(queue);
                    queue = woken.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Entry {
    fn ring(&self) {
        let Some(waker) = self.waker.upgrade() else {
            return;
        };
        let waker = waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A waker is foreign code and may panic.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()));
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::task::Wake;
    use std::time::Duration;

    #[test]
    fn removes_cancelled_alarms() {
        let later = Instant::now() + Duration::from_secs(3600);
        let mut queue = Queue::default();
        let kept: Vec<_> = (0..100)
            .map(|_| Arc::new(Mutex::new(Waker::noop().clone())))
            .collect();
        for waker in &kept {
            let waker = Arc::downgrade(waker);
            queue.push(Entry { at: later, waker });
        }
        for _ in 0..100_000 {
            let waker = Arc::downgrade(&Arc::new(Mutex::new(Waker::noop().clone())));
            queue.push(Entry { at: later, waker });
        }
        let alive = |Reverse(entry): &&Reverse<Entry>| entry.waker.strong_count() > 0;
        assert_eq!(queue.entries.iter().filter(alive).count(), 100);
        assert!(queue.entries.len() <= SPARE, "{}", queue.entries.len());
    }

    struct Bell(mpsc::Sender<&'static str>, &'static str);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.send(self.1).unwrap();
        }
    }

    #[test]
    fn wakes_in_order_and_never_after_a_drop() {
        let (sender, rung) = mpsc::channel();
        let bell = |name| Waker::from(Arc::new(Bell(sender.clone(), name)));
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        let _late = Alarm::set(at(60), &bell("late"));
        drop(Alarm::set(at(20), &bell("dropped")));
        let early = Alarm::set(at(30), &bell("replaced"));
        early.update(&bell("early"));
        assert_eq!(rung.recv().unwrap(), "early");
        assert_eq!(rung.recv().unwrap(), "late");
    }
}
