//! Memory after a burst.

use serde::{Deserialize, Serialize};

use super::child::{self, Sink};
use super::in_process::name;
use super::statistics::Summary;
use crate::memory::Measured;
use crate::peers::Kind;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) pipeline: Kind,
    /// Resident megabytes.
    pub(super) before: Summary,
    pub(super) peak: Summary,
    pub(super) after: Summary,
    pub(super) spans_per_second: Summary,
    /// Of the spans made, those that arrived; the others were dropped, as a burst without end must.
    pub(super) arrived: Summary,
}

const KINDS: [Kind; 3] = [Kind::Lianlu, Kind::Sdk, Kind::Fastrace];

struct Sample {
    measured: Measured,
    spans_per_second: f64,
    arrived: f64,
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, seconds) = if quick { (1, 4) } else { (3, 10) };
    let mut sink = Sink::start();
    let mut samples: [Vec<Sample>; 3] = Default::default();
    for round in 1..=rounds {
        super::tell(&format!("memory, round {round} of {rounds}"));
        for (kind, samples) in KINDS.into_iter().zip(&mut samples) {
            let mut command = child::bench("memory");
            command
                .args(["--kind", &name(kind)])
                .args(["--endpoint", &sink.url()])
                .args(["--seconds", &seconds.to_string()]);
            let measured: Measured = child::result(&mut command);
            let arrived = sink.arrived().spans;
            assert!(arrived > 0, "nothing arrived from {command:?}");
            let spans = measured.spans as f64;
            samples.push(Sample {
                spans_per_second: spans / f64::from(seconds),
                arrived: arrived as f64 / spans,
                measured,
            });
        }
    }
    KINDS.into_iter().zip(&samples).map(row).collect()
}

fn row((kind, samples): (Kind, &Vec<Sample>)) -> Row {
    let all = |of: fn(&Sample) -> f64| {
        let all: Vec<_> = samples.iter().map(of).collect();
        Summary::of(&all)
    };
    Row {
        pipeline: kind,
        before: all(|it| it.measured.before.now as f64 / 1024.0),
        peak: all(|it| it.measured.after.peak as f64 / 1024.0),
        after: all(|it| it.measured.after.now as f64 / 1024.0),
        spans_per_second: all(|it| it.spans_per_second),
        arrived: all(|it| it.arrived),
    }
}
