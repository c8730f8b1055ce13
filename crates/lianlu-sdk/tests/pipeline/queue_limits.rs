//! The queue holds what the limits allow: not less because of unused thread credit, and not more
//! because of large spans.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Limits, SpanCounts, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};

use crate::common::PATIENCE;

/// Reports each call, and blocks until it is released.
struct Slow(Sender<()>, Receiver<()>);

impl Export for Slow {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        let _ = self.0.send(());
        let _ = self.1.recv();
        Ok(())
    }
}

/// An unreachable collector that reports each attempt.
struct Down(Sender<()>);

impl Export for Down {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        let _ = self.0.send(());
        Err(Failure::temporary("down"))
    }
}

fn provider(exporter: impl Export + 'static, limits: Limits) -> TracerProvider {
    TracerProvider::builder()
        .with_exporter(exporter)
        .with_limits(limits)
        .with_loss_listener(|_| {})
        .build()
        .unwrap()
}

/// The counts after this many threads have recorded one span each, in turn, while all of them are
/// alive and a worker is in the exporter.
fn after_threads(threads: usize, queue_size: usize) -> SpanCounts {
    let (called, is_called) = channel();
    let (go, wait) = channel();
    let mut limits = Limits::default();
    limits.queue_size = queue_size;
    limits.schedule_delay = Duration::from_millis(1);
    let provider = provider(Slow(called, wait), limits);
    provider.tracer("test").start("first").end();
    is_called.recv_timeout(PATIENCE).unwrap();
    let (ready, is_ready) = channel();
    let (stay, over) = channel::<()>();
    let over = Arc::new(Mutex::new(over));
    let threads: Vec<_> = (0..threads)
        .map(|_| {
            let (provider, ready, over) = (provider.clone(), ready.clone(), Arc::clone(&over));
            let thread = std::thread::spawn(move || {
                provider.tracer("test").start("span").end();
                ready.send(()).unwrap();
                let _ = over.lock().unwrap().recv();
            });
            is_ready.recv_timeout(PATIENCE).unwrap();
            thread
        })
        .collect();
    let counts = provider.handle().counts();
    drop((stay, go));
    for thread in threads {
        thread.join().unwrap();
    }
    provider.shutdown(PATIENCE).unwrap();
    counts
}

#[test]
fn unused_credit_of_threads_is_reclaimed() {
    // Includes the first span, which waits too.
    let counts = after_threads(299, 300);
    assert_eq!(
        (counts.waiting, counts.dropped.total()),
        (300, 0),
        "{counts}"
    );
}

#[test]
fn spans_beyond_the_limit_are_dropped() {
    let counts = after_threads(40, 21);
    assert_eq!(
        (counts.waiting, counts.dropped.queue_full),
        (21, 20),
        "{counts}"
    );
}

const KIB: usize = 1024;

/// Ends a span of this size.
fn large(provider: &TracerProvider, scope: String, bytes: usize) {
    let mut span = provider.tracer(scope).start("span");
    span.set_attribute(KeyValue::new("body", "x".repeat(bytes)));
    span.end();
}

#[test]
fn large_spans_fetched_by_the_worker() {
    let (called, is_called) = channel();
    let mut limits = Limits::default();
    limits.queue_bytes = 1024 * KIB;
    limits.schedule_delay = Duration::from_millis(1);
    limits.retry_initial = Duration::from_secs(3600);
    limits.retry_max = Duration::from_secs(3600);
    let provider = provider(Down(called), limits);
    large(&provider, "test".to_owned(), 100 * KIB);
    is_called.recv_timeout(PATIENCE).unwrap();
    let handle = provider.handle();
    for at in 1_u64..=40 {
        large(&provider, "test".to_owned(), 100 * KIB);
        // Long enough for the worker's poll, in most cases.
        std::thread::sleep(Duration::from_millis(4));
        let counts = handle.counts();
        assert_eq!(
            counts.waiting + counts.dropped.queue_full,
            at + 1,
            "{counts}"
        );
        // Handed-over spans, plus half a megabyte and one span in the thread's own buffer.
        assert!(counts.waiting <= 10 + 6, "{counts}");
    }
    assert!(handle.counts().dropped.queue_full > 0);
}

#[test]
fn large_spans_of_many_scopes() {
    let (called, _) = channel();
    let mut limits = Limits::default();
    limits.queue_bytes = 1024 * KIB;
    limits.schedule_delay = Duration::from_secs(3600);
    let provider = provider(Down(called), limits);
    for at in 0..30 {
        large(&provider, format!("scope {}", at % 7), 100 * KIB);
        let counts = provider.handle().counts();
        assert!(counts.waiting <= 10 + 6, "{counts}");
    }
}

/// Dropped spans do not use the queue's budget.
#[test]
fn dropped_spans_release_their_budget() {
    /// Accepts spans while it is up.
    struct Switched(Arc<AtomicBool>);
    impl Export for Switched {
        fn export(&mut self, _: &Batch) -> Result<(), Failure> {
            let is_up = self.0.load(Ordering::SeqCst);
            is_up.then_some(()).ok_or(Failure::temporary("down"))
        }
    }
    let is_up = Arc::new(AtomicBool::new(false));
    let mut limits = Limits::default();
    limits.queue_bytes = 1024 * KIB;
    limits.schedule_delay = Duration::from_millis(1);
    limits.retry_initial = Duration::from_millis(1);
    limits.retry_max = Duration::from_millis(1);
    let provider = provider(Switched(Arc::clone(&is_up)), limits);
    for _ in 0..3 {
        is_up.store(false, Ordering::SeqCst);
        for _ in 0..40 {
            large(&provider, "test".to_owned(), 100 * KIB);
        }
        let counts = provider.handle().counts();
        assert!(counts.waiting >= 5, "{counts}");
        is_up.store(true, Ordering::SeqCst);
        let _ = provider.flush(PATIENCE);
        assert_eq!(provider.handle().counts().waiting, 0);
    }
}

/// Spans larger than the limit are exported one by one.
#[test]
fn spans_larger_than_the_limit() {
    let (arrived, arrives) = channel();
    struct Counting(Sender<usize>);
    impl Export for Counting {
        fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
            self.0.send(batch.len()).unwrap();
            Ok(())
        }
    }
    let mut limits = Limits::default();
    limits.queue_bytes = 10;
    let provider = provider(Counting(arrived), limits);
    for _ in 0..3 {
        large(&provider, "test".to_owned(), KIB);
        provider.flush(PATIENCE).unwrap();
        assert_eq!(arrives.recv_timeout(PATIENCE).unwrap(), 1);
    }
}

#[test]
fn a_batch_has_a_longest_time() {
    let (attempted, attempts) = channel();
    let mut limits = Limits::default();
    (limits.retry_initial, limits.retry_max) = (Duration::from_millis(1), Duration::from_millis(1));
    limits.longest_retry = Some(Duration::from_millis(20));
    let provider = provider(Down(attempted), limits);
    provider.tracer("test").start("span").end();
    let error = provider.flush(PATIENCE).unwrap_err().to_string();
    assert!(
        error.contains("given up after retries for 20ms: down"),
        "{error}"
    );
    assert_eq!(provider.handle().counts().dropped.export_failed, 1);
    assert!(attempts.try_iter().count() > 1);
}

/// A batch has its longest time, whatever the collector asks for; and the collector its pause,
/// whatever becomes of the batch.
#[test]
fn a_longest_time_leaves_a_throttling_collector_in_peace() {
    struct Throttling(Sender<()>);
    impl Export for Throttling {
        fn export(&mut self, _: &Batch) -> Result<(), Failure> {
            let _ = self.0.send(());
            Err(Failure::temporary("throttled").after(Duration::from_secs(120)))
        }
    }
    for (longest, lost) in [
        (Duration::from_secs(60), 0),
        (Duration::from_millis(1), 1),
        (Duration::MAX, 0),
    ] {
        let ((attempted, attempts), (reported, reports)) = (channel(), channel());
        let mut limits = Limits::default();
        limits.longest_retry = Some(longest);
        limits.batch_size = 1;
        let provider = TracerProvider::builder()
            .with_exporter(Throttling(attempted))
            .with_limits(limits)
            .with_loss_listener(move |event| drop(reported.send(event.to_string())))
            .build()
            .unwrap();
        for _ in 0..3 {
            provider.tracer("test").start("span").end();
        }
        while lost > 0 && !reports.recv_timeout(PATIENCE).unwrap().contains("given up") {}
        let _ = provider.shutdown(Duration::from_millis(50));
        let dropped = provider.handle().counts().dropped;
        assert_eq!(
            (dropped.export_failed, dropped.given_up),
            (lost, 3 - lost),
            "{longest:?}"
        );
        assert_eq!(attempts.try_iter().count(), 1, "{longest:?}");
    }
}
