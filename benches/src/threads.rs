//! Spans a second on one thread and on two: started, given ten attributes, ended, exported to nowhere.
//!
//! In bursts that every queue can hold, with a flush that is not timed after each, so that nobody is
//! fast by dropping.

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

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    threads: usize,
    #[arg(long, default_value_t = 20)]
    bursts: usize,
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
    let (pipeline, exported) = peers::install(arguments.kind, &Destination::Nowhere, true);
    let is_fastrace = arguments.kind == Kind::Fastrace;
    let bursts = WARM_UP + arguments.bursts;
    // The threads, and this one, which flushes while they wait.
    let gate = Barrier::new(arguments.threads + 1);
    let took: Vec<Vec<Took>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..arguments.threads)
            .map(|index| {
                let gate = &gate;
                scope.spawn(move || {
                    processors::pin(index);
                    one_thread(gate, bursts, is_fastrace)
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
        spans_made: spans_of_a_burst * bursts as u64,
        spans_exported: exported.count(),
    }
}

fn one_thread(gate: &Barrier, bursts: usize, is_fastrace: bool) -> Vec<Took> {
    let tracer = global::tracer("bench");
    let burst = || {
        gate.wait();
        let began = Moment::now();
        for number in 0..BURST {
            if is_fastrace {
                fastrace_span(number);
            } else {
                api_span(&tracer, number);
            }
        }
        let took = began.elapsed();
        if is_fastrace {
            peers::fastrace::settle();
        }
        gate.wait();
        took
    };
    std::iter::repeat_with(burst).take(bursts).collect()
}
