//! Spans a second on one thread and on two.

use serde::{Deserialize, Serialize};

use super::child::{self, LARGE_QUEUE};
use super::in_process::name;
use super::statistics::{Summary, ratio};
use crate::peers::Kind;
use crate::threads::Measured;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) pipeline: Kind,
    /// Spans a second.
    pub(super) one: Summary,
    pub(super) two: Summary,
    /// How much faster two are.
    pub(super) gain: f64,
    /// The same by the threads' own CPU time: without the worker, who wants a processor too.
    pub(super) gain_of_cpu: f64,
}

const KINDS: [Kind; 3] = [Kind::Lianlu, Kind::Sdk, Kind::Fastrace];

#[derive(Default)]
struct Samples {
    wall: [Vec<f64>; 2],
    cpu: [Vec<f64>; 2],
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, bursts) = if quick { (3, 10) } else { (7, 30) };
    let mut samples: [Samples; 3] = Default::default();
    for round in 1..=rounds {
        super::tell(&format!("threads, round {round} of {rounds}"));
        for (kind, samples) in KINDS.into_iter().zip(&mut samples) {
            for threads in [1, 2] {
                let measured = measure(kind, threads, bursts);
                samples.wall[threads - 1].extend(measured.spans_per_second);
                samples.cpu[threads - 1].extend(measured.spans_per_cpu_second);
            }
        }
    }
    let rows = KINDS.into_iter().zip(&samples);
    rows.map(|(kind, samples)| {
        let [one, two] = [&samples.wall[0], &samples.wall[1]].map(|it| Summary::of(it));
        let [cpu_one, cpu_two] = [&samples.cpu[0], &samples.cpu[1]].map(|it| Summary::of(it));
        Row {
            pipeline: kind,
            one,
            two,
            gain: ratio(two.median, one.median),
            gain_of_cpu: ratio(cpu_two.median, cpu_one.median),
        }
    })
    .collect()
}

fn measure(kind: Kind, threads: usize, bursts: usize) -> Measured {
    let mut command = child::bench("threads");
    command
        .args(["--kind", &name(kind)])
        .args(["--threads", &threads.to_string()])
        .args(["--bursts", &bursts.to_string()])
        .env(LARGE_QUEUE.0, LARGE_QUEUE.1);
    let measured: Measured = child::result(&mut command);
    assert_eq!(
        measured.spans_exported, measured.spans_made,
        "spans exported by {command:?}"
    );
    measured
}
