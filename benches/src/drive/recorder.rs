//! What the flight recorder's levels cost a call, and what they cost the process.

use serde::{Deserialize, Serialize};

use super::child;
use super::statistics::{Summary, ratios};
use crate::in_process::Measured;
use crate::peers::DURABILITY;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) level: String,
    /// Nanoseconds that the layer adds to a sampled gRPC call, of the calling thread's time.
    pub(super) added: Summary,
    /// Heap allocations that the layer adds, on the calling thread.
    pub(super) allocations: f64,
    /// Over the level of memory, in the same round.
    pub(super) times_memory: Summary,
}

pub(super) const PROCESS_CRASH: &str = "process-crash";

const LEVELS: [&str; 3] = ["memory", PROCESS_CRASH, "power-loss"];

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, samples) = if quick { (5, 120) } else { (21, 120) };
    let mut measured: [Vec<Measured>; 3] = Default::default();
    for round in 1..=rounds {
        super::tell(&format!("recorder, round {round} of {rounds}"));
        for (level, measured) in LEVELS.into_iter().zip(&mut measured) {
            measured.push(measure(level, samples));
        }
    }
    let median = |it: &Measured| Summary::of(&it.added).median;
    let memory: Vec<f64> = measured[0].iter().map(median).collect();
    let rows = LEVELS.into_iter().zip(&measured);
    rows.map(|(level, measured)| {
        let added: Vec<f64> = measured.iter().flat_map(|it| &it.added).copied().collect();
        let rounds: Vec<_> = measured.iter().map(median).collect();
        let allocations: Vec<_> = measured.iter().map(|it| it.allocations).collect();
        Row {
            level: level.to_owned(),
            added: Summary::of(&added),
            allocations: Summary::of(&allocations).median,
            times_memory: ratios(&rounds, &memory),
        }
    })
    .collect()
}

fn measure(level: &str, samples: usize) -> Measured {
    let mut command = child::bench("in-process");
    command
        .args([
            "--peer",
            "lianlu",
            "--transport",
            "grpc",
            "--case",
            "sampled",
        ])
        .args(["--samples", &samples.to_string()])
        .env(DURABILITY, level);
    let measured: Measured = child::result(&mut command);
    assert_eq!(
        measured.spans_exported, measured.calls,
        "spans exported by {command:?}"
    );
    measured
}
