//! Numbered spans.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use lianlu_sdk::{Handle, Span, Tracer, TracerProvider};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanKind, Tracer as _, TracerProvider as _};

use crate::say;

/// A span's number is `life << 48 | thread << 28 | number`: room for a million threads or series, each with 268 million spans.
const LIFE: u32 = 48;
const THREAD: u32 = 28;

/// Makes spans and reports which have ended.
#[derive(Clone)]
pub(crate) struct Maker {
    tracer: Tracer,
    handle: Handle,
    first: i64,
    next_thread: Arc<AtomicI64>,
    is_stopped: Arc<AtomicBool>,
    running: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Maker {
    pub(crate) fn new(provider: &TracerProvider, life: i64) -> Self {
        Self {
            tracer: provider.tracer("faults"),
            handle: provider.handle(),
            first: life << LIFE,
            next_thread: Arc::default(),
            is_stopped: Arc::default(),
            running: Arc::default(),
        }
    }

    /// Reports that these spans have ended, and of how many ended spans the pipeline does not promise that they survive the
    /// process.
    pub(crate) fn claim(&self, first: i64, last: i64) {
        let counts = self.handle.counts();
        let unpromised = (counts.started - counts.open).saturating_sub(counts.recorded);
        say(&format!("c {first} {last} {unpromised}"));
    }

    /// The first of the numbers that no other thread uses.
    fn thread(&self) -> i64 {
        self.first | self.next_thread.fetch_add(1, Ordering::Relaxed) << THREAD
    }

    fn start(&self, id: i64, kind: SpanKind) -> Span {
        let builder = self.tracer.span_builder("work").with_kind(kind);
        let attributes = [
            KeyValue::new("faults.id", id),
            KeyValue::new("text", "as long as such texts are"),
        ];
        builder.with_attributes(attributes).start(&self.tracer)
    }

    /// Makes so many spans on this thread, and reports them.
    pub(crate) fn make(&self, count: i64) {
        let first = self.quietly(count);
        self.claim(first, first + count - 1);
    }

    /// Makes so many spans without a report. Returns the first one's id.
    pub(crate) fn quietly(&self, count: i64) -> i64 {
        let first = self.thread();
        for id in first..first + count {
            self.start(id, SpanKind::Internal).end();
        }
        first
    }

    /// Makes so many spans on each of so many threads.
    pub(crate) fn make_on(&self, threads: usize, count: i64) {
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.make(count));
            }
        });
    }

    /// On so many threads, until `stop`: makes some spans, reports them, and rests.
    pub(crate) fn run(&self, threads: usize, at_once: i64, rest: Duration) {
        for _ in 0..threads {
            let mine = self.clone();
            let thread = thread::spawn(move || {
                let mut id = mine.thread();
                while !mine.is_stopped.load(Ordering::Relaxed) {
                    let first = id;
                    for _ in 0..at_once {
                        mine.start(id, SpanKind::Internal).end();
                        id += 1;
                    }
                    mine.claim(first, id - 1);
                    thread::sleep(rest);
                }
            });
            self.running.lock().unwrap().push(thread);
        }
    }

    /// Stops the threads of `run`.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        for thread in self.running.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
        self.is_stopped.store(false, Ordering::Relaxed);
    }

    /// Starts spans that stay open.
    pub(crate) fn open(&self, count: i64) -> Vec<Span> {
        let first = self.thread();
        (first..first + count)
            .map(|id| self.start(id, SpanKind::Server))
            .collect()
    }

    /// Makes a span with a value of so many bytes, without a report. Returns its id.
    pub(crate) fn long(&self, bytes: usize) -> i64 {
        self.large(|span| span.set_attribute(KeyValue::new("long", "x".repeat(bytes))))
    }

    /// Makes a span and sets so many attributes, without a report. Returns its id.
    pub(crate) fn wide(&self, attributes: i64) -> i64 {
        self.large(|span| {
            for number in 0..attributes {
                span.set_attribute(KeyValue::new(format!("key {number}"), number));
            }
        })
    }

    fn large(&self, fill: impl FnOnce(&mut Span)) -> i64 {
        let id = self.thread();
        let mut span = self.start(id, SpanKind::Internal);
        fill(&mut span);
        span.end();
        id
    }

    /// Makes so many spans that end an hour before their start, or a day after it.
    pub(crate) fn make_while_the_clock_steps(&self, count: i64) {
        const HOUR: Duration = Duration::from_secs(3600);
        let first = self.thread();
        for id in first..first + count {
            let now = SystemTime::now();
            let mut span = self.start(id, SpanKind::Internal);
            match id % 2 {
                0 => span.end_with_timestamp(now - HOUR),
                _ => span.end_with_timestamp(now + 24 * HOUR),
            }
        }
        self.claim(first, first + count - 1);
    }
}
