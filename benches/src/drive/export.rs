//! CPU for each exported span.

use serde::{Deserialize, Serialize};

use super::child::{self, LARGE_QUEUE, Sink};
use super::in_process::name;
use super::statistics::{Summary, ratios};
use crate::export::{Maker, Measured};
use crate::peers::bare_socket::BATCH;
use crate::peers::{Peer, Protocol};

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) peer: Peer,
    pub(super) maker: Maker,
    pub(super) protocol: Protocol,
    /// Nanoseconds of CPU for a span: made, encoded and sent.
    pub(super) cpu: Summary,
    pub(super) cpu_by_round: Vec<f64>,
    pub(super) attributes: u64,
    pub(super) bytes_per_span: f64,
    pub(super) spans_per_request: f64,
    /// Over ours in the same round, made in the same way and sent by the same protocol.
    pub(super) times_lianlu: Summary,
}

const PLANS: [(Peer, Maker, Protocol); 13] = [
    (Peer::Lianlu, Maker::Layer, Protocol::Grpc),
    (Peer::Sdk, Maker::Layer, Protocol::Grpc),
    (Peer::TowerOtel, Maker::Layer, Protocol::Grpc),
    (Peer::FastraceFull, Maker::Layer, Protocol::Grpc),
    (Peer::Lianlu, Maker::Api, Protocol::Grpc),
    (Peer::Sdk, Maker::Api, Protocol::Grpc),
    (Peer::Fastrace, Maker::Api, Protocol::Grpc),
    (Peer::Lianlu, Maker::Layer, Protocol::Http),
    (Peer::Floor, Maker::Layer, Protocol::Http),
    (Peer::Sdk, Maker::Layer, Protocol::Http),
    (Peer::Lianlu, Maker::Api, Protocol::Http),
    (Peer::Floor, Maker::Api, Protocol::Http),
    (Peer::Sdk, Maker::Api, Protocol::Http),
];

struct Sample {
    cpu: f64,
    attributes: u64,
    bytes: f64,
    requests: f64,
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    // So many that the floor's requests are all full.
    let (rounds, spans) = if quick {
        (2, 48 * BATCH)
    } else {
        (7, 98 * BATCH)
    };
    let mut sink = Sink::start();
    let mut samples: Vec<Vec<Sample>> = PLANS.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        super::tell(&format!("export, round {round} of {rounds}"));
        for (plan, samples) in PLANS.iter().zip(&mut samples) {
            samples.push(measure(plan, spans, &mut sink));
        }
    }
    let mut rows: Vec<_> = PLANS.iter().zip(&samples).map(row).collect();
    let ours: Vec<_> = rows
        .iter()
        .filter(|row| row.peer == Peer::Lianlu)
        .map(|row| ((row.maker, row.protocol), row.cpu_by_round.clone()))
        .collect();
    for row in &mut rows {
        let like_it = (row.maker, row.protocol);
        let ours = ours.iter().find(|it| it.0 == like_it);
        let ours = &ours.expect("ours is there for each of them").1;
        row.times_lianlu = ratios(&row.cpu_by_round, ours);
    }
    rows
}

fn measure(plan: &(Peer, Maker, Protocol), spans: u64, sink: &mut Sink) -> Sample {
    let (peer, maker, protocol) = *plan;
    let mut command = child::bench("export");
    command
        .args(["--peer", &peer.name()])
        .args(["--maker", &name(maker)])
        .args(["--protocol", &name(protocol)])
        .args(["--endpoint", &sink.url()])
        .args(["--spans", &spans.to_string()])
        .env(LARGE_QUEUE.0, LARGE_QUEUE.1);
    let measured: Measured = child::result(&mut command);
    let arrived = sink.arrived();
    assert_eq!(
        arrived.spans, measured.spans,
        "spans arrived from {command:?}"
    );
    let besides = match maker {
        Maker::Layer => measured.bare_cpu,
        Maker::Api => measured.idle_cpu,
    };
    let spans = measured.spans as f64;
    Sample {
        cpu: (measured.cpu as f64 - besides as f64) / spans,
        attributes: arrived.attributes,
        bytes: arrived.bytes as f64 / spans,
        requests: arrived.requests as f64 / spans,
    }
}

fn row((plan, samples): (&(Peer, Maker, Protocol), &Vec<Sample>)) -> Row {
    let all = |of: fn(&Sample) -> f64| {
        let all: Vec<_> = samples.iter().map(of).collect();
        Summary::of(&all)
    };
    Row {
        peer: plan.0,
        maker: plan.1,
        protocol: plan.2,
        cpu: all(|it| it.cpu),
        cpu_by_round: samples.iter().map(|it| it.cpu).collect(),
        attributes: samples.iter().map(|it| it.attributes).max().unwrap_or(0),
        bytes_per_span: all(|it| it.bytes).median,
        spans_per_request: 1.0 / all(|it| it.requests).median,
        times_lianlu: Summary::default(),
    }
}
