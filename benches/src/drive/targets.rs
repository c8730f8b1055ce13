//! What lianlu has set itself, and whether this run reaches it.

use serde::{Deserialize, Serialize};

use super::Results;
use super::in_process;
use super::recorder::PROCESS_CRASH;
use super::servers::Server;
use super::statistics::{Summary, ratios};
use crate::calls::requests::Case;
use crate::export::Maker;
use crate::in_process::{RequestBody, Transport};
use crate::peers::{Peer, Protocol};
use crate::threads::Work;

#[derive(Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) what: String,
    /// At most, or at least.
    pub(super) wanted: f64,
    pub(super) at_least: bool,
    pub(super) got: f64,
    /// Of the rounds' ratios, where it is their median.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) quartiles: Option<(f64, f64)>,
    pub(super) reached: bool,
}

/// Those of the parts that were run.
pub(super) fn of(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    if !results.in_process.is_empty() {
        in_process(&results.in_process, &mut targets);
    }
    if !results.export.is_empty() {
        export(results, &mut targets);
    }
    if !results.servers.is_empty() {
        servers(results, &mut targets);
    }
    if let Some(row) = results.threads.iter().find(|row| row.work == Work::Lianlu) {
        let what = "spans a second, two threads against one";
        targets.push(at_least(what, 1.8, row.gain));
        let what = "the same, of what two threads of arithmetic gain";
        targets.push(at_least(what, 0.9, row.gain_of_arithmetic));
    }
    if let Some(row) = results
        .recorder
        .iter()
        .find(|row| row.level == PROCESS_CRASH)
    {
        let what = "time added in process with a flight recorder, process-crash against memory";
        targets.push(at_most(what, 1.3, row.times_memory));
    }
    targets
}

/// What a target is held against: a number, or the median of many.
struct Got {
    value: f64,
    quartiles: Option<(f64, f64)>,
}

impl From<f64> for Got {
    fn from(value: f64) -> Self {
        Self {
            value,
            quartiles: None,
        }
    }
}

impl From<Summary> for Got {
    fn from(it: Summary) -> Self {
        Self {
            value: it.median,
            quartiles: Some((it.lower_quartile, it.upper_quartile)),
        }
    }
}

fn at_most(what: &str, wanted: f64, got: impl Into<Got>) -> Target {
    target(what, wanted, false, got)
}

fn at_least(what: &str, wanted: f64, got: impl Into<Got>) -> Target {
    target(what, wanted, true, got)
}

fn target(what: &str, wanted: f64, at_least: bool, got: impl Into<Got>) -> Target {
    let Got { value, quartiles } = got.into();
    Target {
        what: what.to_owned(),
        wanted,
        at_least,
        got: value,
        quartiles,
        reached: if at_least {
            value >= wanted
        } else {
            value <= wanted
        },
    }
}

fn in_process(rows: &[in_process::Row], targets: &mut Vec<Target>) {
    let row = |case, peer| {
        rows.iter()
            .find(|row| {
                (row.transport, row.case, row.body, row.peer)
                    == (Transport::Grpc, case, RequestBody::Empty, peer)
            })
            .expect("every target has its row")
    };
    for (case, peer, wanted) in [
        (Case::Sampled, Peer::TowerOtel, 1.0 / 8.0),
        (Case::Sampled, Peer::FastraceFull, 0.4),
        (Case::Sampled, Peer::Sdk, 0.5),
        (Case::Unsampled, Peer::TowerOtel, 1.0 / 12.0),
        (Case::Tracestate, Peer::TowerOtel, 1.0 / 6.0),
        (Case::Baggage, Peer::TowerOtel, 1.0 / 4.0),
        (Case::AttributesAndChild, Peer::TowerOtel, 1.0 / 5.0),
        (Case::AttributesAndChild, Peer::Sdk, 0.5),
    ] {
        let what = format!("time added in process, {case:?}, against {}", peer.name());
        let ours = &row(case, Peer::Lianlu).added_by_round;
        let got = ratios(ours, &row(case, peer).added_by_round);
        targets.push(at_most(&what, wanted, got));
    }
    for (case, wanted) in [
        (Case::Sampled, 2.0),
        (Case::Unsampled, 1.0),
        (Case::Off, 0.0),
    ] {
        let what = format!("heap allocations in process, {case:?}");
        // Exact, but for what grows once in a thousand calls.
        let got = row(case, Peer::Lianlu).allocations;
        targets.push(at_most(&what, wanted, (got * 100.0).round() / 100.0));
    }
    let off = row(Case::Off, Peer::Lianlu).added.median;
    targets.push(at_most("nanoseconds added in process, Off", 100.0, off));
}

fn export(results: &Results, targets: &mut Vec<Target>) {
    let cpu = |peer, maker| {
        let rows = results.export.iter();
        let mut rows =
            rows.filter(|row| (row.peer, row.maker, row.protocol) == (peer, maker, Protocol::Grpc));
        &rows.next().expect("every target has its row").cpu_by_round
    };
    for (peer, maker) in [
        (Peer::Sdk, Maker::Layer),
        (Peer::FastraceFull, Maker::Layer),
        (Peer::Sdk, Maker::Api),
        (Peer::Fastrace, Maker::Api),
    ] {
        let what = format!(
            "CPU for an exported span, made by the {maker:?}, against {}",
            peer.name()
        );
        let got = ratios(cpu(Peer::Lianlu, maker), cpu(peer, maker));
        targets.push(at_most(&what, 1.0 / 6.0, got));
    }
}

fn servers(results: &Results, targets: &mut Vec<Target>) {
    for server in [Server::Tonic, Server::Axum] as [fn(Peer) -> Server; 2] {
        let ours = server(Peer::Lianlu);
        let kind = ours.framework();
        for (peer, wanted) in [
            (Peer::TowerOtel, 1.0 / 4.0),
            (Peer::FastraceFull, 1.0 / 3.0),
        ] {
            let what = format!("CPU added to a call, {kind}, against {}", peer.name());
            let mut rows = results.added.iter();
            let theirs = rows.find(|row| row.server == server(peer));
            let got = theirs.expect("every target has its row").ours_to_it;
            targets.push(at_most(&what, wanted, got));
        }
        let what = format!("p99 at half load, {kind}, against no tracing");
        let p99 = results.half_load.iter().find(|row| row.server == ours);
        let got = p99.expect("every target has its row").times_untraced;
        targets.push(at_most(&what, 1.05, got));
    }
}
