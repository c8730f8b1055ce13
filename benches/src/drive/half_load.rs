//! p99 at half load, with tracing and without, in many short rounds.
//!
//! A p99 is mostly what the machine did in that second. So three servers take turns that are short, one without
//! tracing, ours, and one without tracing once more, and numbers of the same round are compared.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::child::Sink;
use super::servers::{self, Server};
use super::statistics::{Summary, by_round, ratios};
use crate::load::Measured;
use crate::peers::Peer;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) server: Server,
    pub(super) once_more: bool,
    /// Calls a second: half of what the server without tracing takes, asked anew in each round.
    pub(super) rate: Summary,
    /// Microseconds.
    pub(super) p99: Summary,
    /// Over the same server without tracing in the same round; ours over the one before it and the one after it.
    pub(super) times_untraced: Summary,
}

/// In the order of a round.
#[derive(Default)]
struct Samples {
    rates: Vec<f64>,
    untraced: Vec<f64>,
    ours: Vec<f64>,
    once_more: Vec<f64>,
}

pub(super) fn run(quick: bool, go_peer: &Path) -> Vec<Row> {
    let (rounds, millis) = if quick { (3, 500) } else { (21, 1_000) };
    let mut sink = Sink::start_nice();
    let mut rows = Vec::new();
    for server in [Server::Tonic, Server::Axum] as [fn(Peer) -> Server; 2] {
        let samples = measure(server, rounds, millis, go_peer, &mut sink);
        rows.extend(self::rows(server, &samples));
    }
    rows
}

fn measure(
    server: fn(Peer) -> Server,
    rounds: usize,
    millis: u64,
    go_peer: &Path,
    sink: &mut Sink,
) -> Samples {
    let kind = server(Peer::None).transport();
    // All three stay, as one that nobody calls takes nothing.
    let [untraced, ours, once_more] = [Peer::None, Peer::Lianlu, Peer::None]
        .map(|peer| servers::start(server(peer), go_peer, sink));
    let load =
        |service, millis, rate| servers::load((server(Peer::None), false), service, millis, rate);
    let mut samples = Samples::default();
    let mut calls = 0;
    for round in 1..=rounds {
        super::tell(&format!(
            "p99 at half load, {kind:?}, round {round} of {rounds}"
        ));
        let most = load(&untraced, millis / 2, None);
        let rate = servers::half(&most);
        let at_rate = |service| -> Measured { load(service, millis, Some(rate)) };
        samples.rates.push(rate);
        samples.untraced.push(at_rate(&untraced).p99);
        let traced = at_rate(&ours);
        calls += traced.calls_in_all;
        samples.ours.push(traced.p99);
        samples.once_more.push(at_rate(&once_more).p99);
    }
    for service in [untraced, ours, once_more] {
        service.stop();
    }
    assert_eq!(sink.arrived().spans, calls, "spans from {kind:?}");
    samples
}

fn rows(server: fn(Peer) -> Server, samples: &Samples) -> [Row; 3] {
    let Samples {
        rates,
        untraced,
        ours,
        once_more,
    } = samples;
    let both_neighbours = [by_round(ours, untraced), by_round(ours, once_more)].concat();
    let row = |peer, is_once_more, p99: &[f64], times_untraced| Row {
        server: server(peer),
        once_more: is_once_more,
        rate: Summary::of(rates),
        p99: Summary::of(p99),
        times_untraced,
    };
    [
        row(Peer::None, false, untraced, ratios(untraced, untraced)),
        row(Peer::Lianlu, false, ours, Summary::of(&both_neighbours)),
        row(Peer::None, true, once_more, ratios(once_more, untraced)),
    ]
}
