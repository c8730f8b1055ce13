//! What the flight recorder's levels cost a call, and what they cost the process.

use serde::{Deserialize, Serialize};

use super::child;
use super::statistics::{Summary, ratio};
use crate::in_process::Measured;
use crate::peers::DURABILITY;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) level: String,
    /// Nanoseconds that the layer adds to a sampled gRPC call, of the calling thread's time.
    pub(super) added: Summary,
    /// Heap allocations that the layer adds, on the calling thread.
    pub(super) allocations: f64,
    pub(super) times_memory: f64,
}

const LEVELS: [&str; 3] = ["memory", "process-crash", "power-loss"];

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, samples) = if quick { (5, 120) } else { (11, 240) };
    let mut measured: [Vec<Measured>; 3] = Default::default();
    for round in 1..=rounds {
        super::tell(&format!("recorder, round {round} of {rounds}"));
        for (level, measured) in LEVELS.into_iter().zip(&mut measured) {
            measured.push(measure(level, samples));
        }
    }
    let added = |measured: &[Measured]| {
        let samples: Vec<f64> = measured.iter().flat_map(|it| &it.added).copied().collect();
        Summary::of(&samples)
    };
    let memory = added(&measured[0]).median;
    let rows = LEVELS.into_iter().zip(&measured);
    rows.map(|(level, measured)| {
        let added = added(measured);
        let allocations: Vec<_> = measured.iter().map(|it| it.allocations).collect();
        Row {
            level: level.to_owned(),
            added,
            allocations: Summary::of(&allocations).median,
            times_memory: ratio(added.median, memory),
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
        measured.spans_exported, measured.spans_made,
        "spans exported by {command:?}"
    );
    measured
}
