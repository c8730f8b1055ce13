//! Spans a second on one thread and on two: started, given ten attributes, ended, exported to nowhere.
//!
//! In bursts that every queue can hold, with a flush that is not timed after each, so that nobody is
//! fast by dropping. Arithmetic in their place shows what a second thread is worth on this machine just now.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use opentelemetry::global;
use serde::{Deserialize, Serialize};

use crate::export::{api_span, fastrace_span};
use crate::machine::clocks::{Moment, Took};
use crate::machine::processors;
use crate::peers::{self, Destination, Kind};

const BURST: u64 = 10_000;
const WARM_UP: usize = 3;
/// Makes a step of arithmetic take about as long as a span.
const MULTIPLICATIONS: u64 = 700;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    work: Work,
    #[arg(long)]
    threads: usize,
    #[arg(long, default_value_t = 20)]
    bursts: usize,
}

/// What the threads do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    Lianlu,
    Sdk,
    Fastrace,
    /// Nothing that needs memory, a lock or a pipeline.
    Arithmetic,
}

impl Work {
    pub(crate) fn pipeline(self) -> Kind {
        match self {
            Self::Lianlu => Kind::Lianlu,
            Self::Sdk => Kind::Sdk,
            Self::Fastrace => Kind::Fastrace,
            Self::Arithmetic => Kind::None,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Spans a second of each burst, all threads together.
    pub(crate) spans_per_second: Vec<f64>,
    /// The same if each thread had had a processor to itself all the time.
    pub(crate) spans_per_cpu_second: Vec<f64>,
    pub(crate) spans_made: u64,
    pub(crate) spans_exported: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Measured {
    let work = arguments.work;
    let (pipeline, exported) = peers::install(work.pipeline(), &Destination::Nowhere, true);
    let bursts = WARM_UP + arguments.bursts;
    // The threads, and this one, which flushes while they wait.
    let gate = Barrier::new(arguments.threads + 1);
    let took: Vec<Vec<Took>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads)
            .map(|index| {
                let gate = &gate;
                scope.spawn(move || {
                    processors::pin(index);
                    one_thread(gate, bursts, work)
                })
            })
            .collect();
        for _ in 0..bursts {
            gate.wait();
            gate.wait();
            pipeline.flush();
        }
        let took = threads.into_iter().map(|thread| thread.join());
        took.map(|took| took.expect("making spans does not panic"))
            .collect()
    });
    let spans_of_a_burst = BURST * arguments.threads as u64;
    // A burst is over when its slowest thread is.
    let rates = |of: fn(&Took) -> Duration| {
        (WARM_UP..bursts)
            .map(|burst| {
                let slowest = took.iter().map(|took| of(&took[burst])).max();
                spans_of_a_burst as f64 / slowest.unwrap_or_default().as_secs_f64()
            })
            .collect()
    };
    Measured {
        spans_per_second: rates(|took| took.wall),
        spans_per_cpu_second: rates(|took| took.thread),
        spans_made: if work == Work::Arithmetic {
            0
        } else {
            spans_of_a_burst * bursts as u64
        },
        spans_exported: exported.count(),
    }
}

fn one_thread(gate: &Barrier, bursts: usize, work: Work) -> Vec<Took> {
    let tracer = global::tracer("bench");
    let burst = || {
        gate.wait();
        let began = Moment::now();
        for number in 0..BURST {
            match work {
                Work::Lianlu | Work::Sdk => api_span(&tracer, number),
                Work::Fastrace => fastrace_span(number),
                Work::Arithmetic => arithmetic(number),
            }
        }
        let took = began.elapsed();
        if work == Work::Fastrace {
            peers::fastrace::settle();
        }
        gate.wait();
        took
    };
    std::iter::repeat_with(burst).take(bursts).collect()
}

/// Each multiplication waits for the one before, so that it is the clock of the processor which counts.
fn arithmetic(number: u64) {
    let mut value = black_box(number);
    for _ in 0..MULTIPLICATIONS {
        value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
    black_box(value);
}
