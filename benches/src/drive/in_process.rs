//! The layers in process: rounds of all peers, cases and transports.

use serde::{Deserialize, Serialize};

use super::child;
use super::statistics::{Summary, ratios};
use crate::calls::requests::Case;
use crate::in_process::{Measured, RequestBody, Transport};
use crate::peers::{Kind, Peer};

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) transport: Transport,
    pub(super) case: Case,
    pub(super) body: RequestBody,
    pub(super) peer: Peer,
    /// Nanoseconds that the layer adds to a call, of the calling thread's time.
    pub(super) added: Summary,
    /// The same on the wall.
    pub(super) added_wall: Summary,
    /// Nanoseconds of the call itself.
    pub(super) bare: Summary,
    /// The median of `added` in each round.
    pub(super) added_by_round: Vec<f64>,
    /// Heap allocations that the layer adds, on the calling thread.
    pub(super) allocations: f64,
    /// What is added, over what ours adds in the same round.
    pub(super) times_lianlu: Summary,
    pub(super) spans_exported: u64,
}

const GRPC: [Peer; 10] = [
    Peer::None,
    Peer::Lianlu,
    Peer::LianluNoMetrics,
    Peer::LianluSdkMetrics,
    Peer::LianluOverSdk,
    Peer::Sdk,
    Peer::TowerOtel,
    Peer::TracingOtel,
    Peer::Fastrace,
    Peer::FastraceFull,
];

const HTTP: [Peer; 9] = [
    Peer::None,
    Peer::Lianlu,
    Peer::Sdk,
    Peer::TowerOtel,
    Peer::TracingOtel,
    Peer::OtelTower,
    Peer::TowerHttpOtel,
    Peer::Fastrace,
    Peer::FastraceFull,
];

/// What stands in a row before it is measured.
#[derive(Clone, Copy)]
struct Plan {
    transport: Transport,
    case: Case,
    body: RequestBody,
    peer: Peer,
}

fn plans() -> Vec<Plan> {
    let (grpc, http, empty) = (Transport::Grpc, Transport::Http, RequestBody::Empty);
    let plan = |transport, case, body, peer| Plan {
        transport,
        case,
        body,
        peer,
    };
    let mut plans = Vec::new();
    for case in Case::ALL {
        // Without tracing there is one case: how exact all of this is.
        let peers = GRPC.into_iter();
        let peers = peers.filter(|peer| *peer != Peer::None || case == Case::Sampled);
        plans.extend(peers.map(|peer| plan(grpc, case, empty, peer)));
        // Beside ours, as ratios are those of neighbours.
        if case == Case::Sampled {
            plans.push(plan(grpc, case, empty, Peer::LianluNoProvider));
        }
        if case == Case::AttributesAndChild {
            let peers = HTTP.into_iter().filter(|peer| *peer != Peer::None);
            plans.extend(peers.map(|peer| plan(http, case, empty, peer)));
        }
        if matches!(case, Case::Sampled | Case::Unsampled) {
            plans.push(plan(grpc, case, empty, Peer::Floor));
        }
    }
    for case in [Case::Sampled, Case::Unsampled] {
        plans.push(plan(grpc, case, RequestBody::Full, Peer::Lianlu));
        // What a tonic server's layers get. Ours looks into it, and so has two attributes more.
        let peers = [Peer::Lianlu, Peer::Sdk, Peer::TowerOtel, Peer::FastraceFull];
        plans.extend(peers.map(|peer| plan(grpc, case, RequestBody::Tonic, peer)));
        plans.extend(HTTP.map(|peer| plan(http, case, empty, peer)));
    }
    plans
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, samples) = if quick { (3, 60) } else { (7, 240) };
    let plans = plans();
    let mut measured: Vec<Vec<Measured>> = plans.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        super::tell(&format!("in process, round {round} of {rounds}"));
        for (plan, measured) in plans.iter().zip(&mut measured) {
            measured.push(measure(*plan, samples));
        }
    }
    let rows = plans.iter().zip(&measured);
    let mut rows: Vec<_> = rows.map(|(plan, measured)| row(*plan, measured)).collect();
    let lianlu: Vec<_> = rows
        .iter()
        .filter(|row| row.peer == Peer::Lianlu)
        .map(|row| {
            let like_it = (row.transport, row.case, row.body);
            (like_it, row.added_by_round.clone())
        })
        .collect();
    for row in &mut rows {
        let like_it = (row.transport, row.case, row.body);
        let ours = lianlu.iter().find(|it| it.0 == like_it);
        let ours = &ours.expect("ours is there for each of them").1;
        row.times_lianlu = ratios(&row.added_by_round, ours);
    }
    rows
}

fn measure(plan: Plan, samples: usize) -> Measured {
    let mut command = child::bench("in-process");
    command
        .args(["--peer", &plan.peer.name()])
        .args(["--transport", &name(plan.transport)])
        .args(["--case", &name(plan.case)])
        .args(["--body", &name(plan.body)])
        .args(["--samples", &samples.to_string()]);
    let measured: Measured = child::result(&mut command);
    let traces = plan.peer.kind() != Kind::None;
    let wanted = if traces {
        measured.calls * plan.case.exported_spans()
    } else {
        0
    };
    assert_eq!(
        measured.spans_exported, wanted,
        "spans exported by {command:?}"
    );
    measured
}

fn row(plan: Plan, measured: &[Measured]) -> Row {
    let all = |of: fn(&Measured) -> &Vec<f64>| {
        let samples: Vec<f64> = measured.iter().flat_map(of).copied().collect();
        Summary::of(&samples)
    };
    let allocations: Vec<_> = measured.iter().map(|it| it.allocations).collect();
    Row {
        transport: plan.transport,
        case: plan.case,
        body: plan.body,
        peer: plan.peer,
        added: all(|it| &it.added),
        added_wall: all(|it| &it.added_wall),
        bare: all(|it| &it.bare),
        added_by_round: measured
            .iter()
            .map(|it| Summary::of(&it.added).median)
            .collect(),
        allocations: Summary::of(&allocations).median,
        times_lianlu: Summary::default(),
        spans_exported: measured.iter().map(|it| it.spans_exported).sum(),
    }
}

/// As on the command line.
pub(super) fn name(value: impl clap::ValueEnum) -> String {
    let value = value.to_possible_value().expect("no value is hidden");
    value.get_name().to_owned()
}
