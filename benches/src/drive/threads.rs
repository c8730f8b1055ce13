//! Spans a second on one thread and on two.

use serde::{Deserialize, Serialize};

use super::child::{self, LARGE_QUEUE};
use super::in_process::name;
use super::statistics::{Summary, by_round, ratios};
use crate::threads::{Measured, Work};

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) work: Work,
    /// Spans a second, or steps of arithmetic.
    pub(super) one: Summary,
    pub(super) two: Summary,
    /// How much faster two are, in the same round.
    pub(super) gain: Summary,
    /// The same by the threads' own CPU time: without the worker, who wants a processor too.
    pub(super) gain_of_cpu: Summary,
    /// The gain, of what arithmetic gains in the same round.
    pub(super) gain_of_arithmetic: Summary,
}

/// Ours stands beside arithmetic.
const WORKS: [Work; 4] = [Work::Arithmetic, Work::Lianlu, Work::Sdk, Work::Fastrace];

/// For one thread and for two.
#[derive(Default)]
struct Samples {
    bursts: [Vec<f64>; 2],
    /// The median of each round.
    wall: [Vec<f64>; 2],
    cpu: [Vec<f64>; 2],
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, bursts) = if quick { (5, 10) } else { (15, 15) };
    let mut samples: [Samples; WORKS.len()] = Default::default();
    for round in 1..=rounds {
        super::tell(&format!("threads, round {round} of {rounds}"));
        for (work, samples) in WORKS.into_iter().zip(&mut samples) {
            for threads in [1, 2] {
                let measured = measure(work, threads, bursts);
                let median = |them: &[f64]| Summary::of(them).median;
                let place = threads - 1;
                samples.wall[place].push(median(&measured.spans_per_second));
                samples.cpu[place].push(median(&measured.spans_per_cpu_second));
                samples.bursts[place].extend(measured.spans_per_second);
            }
        }
    }
    let gains = |[one, two]: &[Vec<f64>; 2]| by_round(two, one);
    let arithmetic = gains(&samples[0].wall);
    let rows = WORKS.into_iter().zip(&samples);
    rows.map(|(work, samples)| {
        let gains_of_wall = gains(&samples.wall);
        Row {
            work,
            one: Summary::of(&samples.bursts[0]),
            two: Summary::of(&samples.bursts[1]),
            gain: Summary::of(&gains_of_wall),
            gain_of_cpu: ratios(&samples.cpu[1], &samples.cpu[0]),
            gain_of_arithmetic: ratios(&gains_of_wall, &arithmetic),
        }
    })
    .collect()
}

fn measure(work: Work, threads: usize, bursts: usize) -> Measured {
    let mut command = child::bench("threads");
    command
        .args(["--work", &name(work)])
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
