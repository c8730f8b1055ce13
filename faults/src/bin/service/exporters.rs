//! Exporters that do what they should not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lianlu_sdk::{Batch, Export, Failure};
use opentelemetry::global;
use opentelemetry::trace::{Span, Tracer};

use crate::gate::gate;

/// Wraps an exporter in the one of this name.
pub(crate) fn wrap(name: &str, inner: impl Export) -> Box<dyn Export> {
    match name {
        "" => Box::new(inner),
        "panics" => Box::new(Panics { inner, number: 0 }),
        "holds" => Box::new(Holds(inner)),
        "records" => Box::new(Records(inner)),
        _ => panic!("{name}"),
    }
}

static IS_GOOD: AtomicBool = AtomicBool::new(false);
static TIMES: AtomicU64 = AtomicU64::new(0);
static IDLE: AtomicU64 = AtomicU64::new(0);

/// Makes the exporters that panic or record behave well, or no longer.
pub(crate) fn be_good(yes: bool) {
    IS_GOOD.store(yes, Ordering::Relaxed);
}

/// How often an exporter has done what it should not.
pub(crate) fn times() -> u64 {
    TIMES.load(Ordering::Relaxed)
}

/// How often an exporter had nothing to do.
pub(crate) fn idle() -> u64 {
    IDLE.load(Ordering::Relaxed)
}

/// True if the exporter should misbehave now.
fn is_bad() -> bool {
    let is_bad = !IS_GOOD.load(Ordering::Relaxed);
    TIMES.fetch_add(is_bad.into(), Ordering::Relaxed);
    is_bad
}

/// Panics at each third batch. The panic passes the gate.
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

/// Passes the gate before each batch.
struct Holds<E>(E);

impl<E: Export> Export for Holds<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        gate().pass();
        self.0.export(batch)
    }

    fn destination(&self) -> String {
        self.0.destination()
    }
}

/// Records spans of its own while it exports, and passes the gate then.
struct Records<E>(E);

impl<E: Export> Export for Records<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        if is_bad() {
            let tracer = global::tracer("exporter");
            tracer.in_span("export", |_| {
                for _ in 0..batch.len() {
                    tracer.start("encode").end();
                }
                gate().pass();
            });
        }
        self.0.export(batch)
    }

    fn idle(&mut self) {
        IDLE.fetch_add(1, Ordering::Relaxed);
        global::tracer("exporter").start("idle").end();
    }

    fn flush(&mut self) {
        global::tracer("exporter").start("flush").end();
    }

    fn destination(&self) -> String {
        self.0.destination()
    }
}
