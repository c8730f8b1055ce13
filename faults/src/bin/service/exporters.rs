//! Exporters that do more, or less, than they should.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

use lianlu_sdk::{Batch, Export, Failure};
use opentelemetry::global;
use opentelemetry::trace::{Span, Tracer};

/// The exporter of this name around a good one.
pub(crate) fn wrap(name: &str, inner: impl Export) -> Box<dyn Export> {
    match name {
        "" => Box::new(inner),
        "panics" => Box::new(Panics { inner, number: 0 }),
        "stalls" => Box::new(Stalls(inner)),
        "records" => Box::new(Records(inner)),
        _ => panic!("{name}"),
    }
}

static IS_GOOD: AtomicBool = AtomicBool::new(false);
static TIMES: AtomicU64 = AtomicU64::new(0);

/// Whether those that panic or record are as good as others for a while.
pub(crate) fn be_good(yes: bool) {
    IS_GOOD.store(yes, Ordering::Relaxed);
}

/// How many times one has done what it should not.
pub(crate) fn times() -> u64 {
    TIMES.load(Ordering::Relaxed)
}

/// Whether to do it now.
fn is_bad() -> bool {
    let is_bad = !IS_GOOD.load(Ordering::Relaxed);
    TIMES.fetch_add(is_bad.into(), Ordering::Relaxed);
    is_bad
}

/// Panics at each third batch.
struct Panics<E> {
    inner: E,
    number: u64,
}

impl<E: Export> Export for Panics<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.number += 1;
        assert!(!(self.number.is_multiple_of(3) && is_bad()), "on purpose");
        self.inner.export(batch)
    }

    fn destination(&self) -> String {
        self.inner.destination()
    }
}

static RELEASED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Lets an exporter that stalls go on.
pub(crate) fn release() {
    *RELEASED.0.lock().unwrap() = true;
    RELEASED.1.notify_all();
}

/// Does nothing until it is released.
struct Stalls<E>(E);

impl<E: Export> Export for Stalls<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let released = RELEASED.0.lock().unwrap();
        drop(RELEASED.1.wait_while(released, |it| !*it).unwrap());
        self.0.export(batch)
    }

    fn destination(&self) -> String {
        self.0.destination()
    }
}

/// Records spans of its own while it exports, and looks at the current one.
struct Records<E>(E);

impl<E: Export> Export for Records<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        if is_bad() {
            let tracer = global::tracer("exporter");
            tracer.in_span("export", |_| {
                for _ in 0..batch.len() {
                    tracer.start("encode").end();
                }
            });
        }
        self.0.export(batch)
    }

    fn idle(&mut self) {
        global::tracer("exporter").start("idle").end();
    }

    fn flush(&mut self) {
        global::tracer("exporter").start("flush").end();
    }

    fn destination(&self) -> String {
        self.0.destination()
    }
}
