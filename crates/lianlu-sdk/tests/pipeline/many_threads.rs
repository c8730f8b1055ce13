//! Spans of many threads, some of which have ended before the export, all arrive, and each is
//! counted in exactly one state at any time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Handle, Limits, SpanCounts, TracerProvider};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};

use crate::common::PATIENCE;

const THREADS: usize = 8;
const SPANS: usize = 10_000;

/// The ids of exported spans. Fails on duplicates.
#[derive(Clone, Default)]
struct Ids(Arc<Mutex<HashSet<[u8; 8]>>>);

impl Export for Ids {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let mut ids = self.0.lock().unwrap();
        for span in batch.scopes().flat_map(|scope| scope.spans()) {
            let span = span.unwrap();
            assert_eq!(span.attributes().count(), 1);
            assert!(ids.insert(span.span_id), "twice: {span:?}");
        }
        Ok(())
    }
}

/// With a queue for all spans.
fn provider() -> (TracerProvider, Ids) {
    let ids = Ids::default();
    let mut limits = Limits::default();
    limits.queue_size = 4 * THREADS * SPANS;
    limits.queue_bytes = 1 << 30;
    limits.schedule_delay = Duration::from_millis(20);
    let provider = TracerProvider::builder()
        .with_exporter(ids.clone())
        .with_limits(limits)
        .build()
        .unwrap();
    (provider, ids)
}

#[track_caller]
fn identity(handle: &Handle) -> SpanCounts {
    let counts = handle.counts();
    let known = counts.open + counts.waiting + counts.exported + counts.dropped.total();
    assert_eq!(counts.started, known, "{counts}");
    counts
}

/// Checks the counts continuously until `is_over`.
fn watch(handle: Handle, is_over: &Arc<AtomicBool>) -> std::thread::JoinHandle<()> {
    let is_over = Arc::clone(is_over);
    std::thread::spawn(move || {
        let mut before = SpanCounts::default();
        while !is_over.load(Ordering::SeqCst) {
            let counts = identity(&handle);
            // Monotonic counts.
            assert!(counts.started >= before.started, "{before}; {counts}");
            assert!(counts.exported >= before.exported, "{before}; {counts}");
            before = counts;
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

#[test]
fn every_thread_has_its_own_spans() {
    let (provider, ids) = provider();
    let handle = provider.handle();
    let is_over = Arc::default();
    let watch = watch(handle.clone(), &is_over);
    // Half of the threads live until the flush is done.
    let stay = Arc::new(Barrier::new(THREADS / 2 + 1));
    let done = Arc::new(Barrier::new(THREADS / 2 + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (stay, done) = (Arc::clone(&stay), Arc::clone(&done));
            let tracer = provider.tracer("test");
            std::thread::spawn(move || {
                for at in 0..SPANS {
                    let mut span = tracer.start_with_context("span", &Context::new());
                    span.set_attribute(KeyValue::new("at", at as i64));
                    span.end();
                }
                if thread % 2 == 0 {
                    done.wait();
                    stay.wait();
                }
            })
        })
        .collect();
    let (staying, ending): (Vec<_>, Vec<_>) = threads
        .into_iter()
        .enumerate()
        .partition(|(thread, _)| thread % 2 == 0);
    for (_, thread) in ending {
        thread.join().unwrap();
    }
    done.wait();
    handle.flush(PATIENCE).unwrap();
    let all = (THREADS * SPANS) as u64;
    let counts = identity(&handle);
    assert_eq!((counts.started, counts.exported), (all, all), "{counts}");
    assert_eq!(ids.0.lock().unwrap().len(), THREADS * SPANS);
    stay.wait();
    for (_, thread) in staying {
        thread.join().unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    watch.join().unwrap();
    assert_eq!(identity(&handle).exported, all);
}

/// Started on one thread, modified on a second, ended on a third.
#[test]
fn spans_move_between_threads() {
    let (provider, ids) = provider();
    let handle = provider.handle();
    let is_over = Arc::default();
    let watch = watch(handle.clone(), &is_over);
    let mut threads = Vec::new();
    for _ in 0..THREADS / 2 {
        let (to_middle, middle) = channel();
        let (to_end, end) = channel();
        let tracer = provider.tracer("test");
        threads.push(std::thread::spawn(move || {
            for _ in 0..SPANS {
                let span = tracer.start_with_context("span", &Context::new());
                to_middle.send(span).unwrap();
            }
        }));
        threads.push(std::thread::spawn(move || {
            for mut span in middle {
                span.set_attribute(KeyValue::new("in", "the middle"));
                to_end.send(span).unwrap();
            }
        }));
        threads.push(std::thread::spawn(move || {
            for (at, mut span) in end.into_iter().enumerate() {
                // Dropped or ended.
                if at % 2 == 0 {
                    span.end();
                }
            }
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    // All spans have ended before the flush.
    let all = (THREADS / 2 * SPANS) as u64;
    let counts = identity(&handle);
    assert_eq!((counts.started, counts.open), (all, 0), "{counts}");
    handle.flush(PATIENCE).unwrap();
    is_over.store(true, Ordering::SeqCst);
    watch.join().unwrap();
    let counts = identity(&handle);
    assert_eq!((counts.exported, counts.waiting), (all, 0), "{counts}");
    assert_eq!(ids.0.lock().unwrap().len(), THREADS / 2 * SPANS);
}

/// The starting thread and its lane are gone before the spans end.
#[test]
fn spans_outlive_their_threads() {
    let (provider, ids) = provider();
    let handle = provider.handle();
    let tracer = provider.tracer("test");
    let start = move || -> Vec<_> {
        let start = |_| tracer.start_with_context("span", &Context::new());
        (0..10).map(start).collect()
    };
    let spans = std::thread::spawn(start).join().unwrap();
    for _ in 0..2 {
        handle.flush(PATIENCE).unwrap();
        let counts = identity(&handle);
        assert_eq!((counts.started, counts.open), (10, 10), "{counts}");
    }
    for mut span in spans {
        span.set_attribute(KeyValue::new("at", "last"));
        span.end();
    }
    handle.flush(PATIENCE).unwrap();
    let counts = identity(&handle);
    assert_eq!((counts.started, counts.open, counts.exported), (10, 0, 10));
    assert_eq!(ids.0.lock().unwrap().len(), 10);
}

/// Spans that do not fit in the queue are counted as lost; the identity still holds.
#[test]
fn the_queue_is_full() {
    struct Slow(Ids);
    impl Export for Slow {
        fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
            std::thread::sleep(Duration::from_millis(1));
            self.0.export(batch)
        }
    }
    let ids = Ids::default();
    let mut limits = Limits::default();
    limits.queue_size = 1000;
    limits.batch_size = 100;
    let provider = TracerProvider::builder()
        .with_exporter(Slow(ids.clone()))
        .with_limits(limits)
        .with_loss_listener(|_| {})
        .build()
        .unwrap();
    let handle = provider.handle();
    let is_over = Arc::default();
    let watch = watch(handle.clone(), &is_over);
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let tracer = provider.tracer("test");
            std::thread::spawn(move || {
                for at in 0..SPANS {
                    let mut span = tracer.start_with_context("span", &Context::new());
                    span.set_attribute(KeyValue::new("at", at as i64));
                    span.end();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    handle.flush(PATIENCE).unwrap();
    is_over.store(true, Ordering::SeqCst);
    watch.join().unwrap();
    let counts = identity(&handle);
    assert_eq!(counts.started, (THREADS * SPANS) as u64);
    assert_eq!((counts.open, counts.waiting), (0, 0), "{counts}");
    assert!(counts.dropped.queue_full > 0, "{counts}");
    assert_eq!(counts.exported, ids.0.lock().unwrap().len() as u64);
}
