//! What tracing adds to a server's CPU, in many short rounds.
//!
//! A fifth of a server's time is less than what this machine's speed changes by from minute to minute. So the servers of
//! a target stay, take turns that are short, and numbers of the same round are compared.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::child::{Service, Sink};
use super::servers::{self, Server};
use super::statistics::{Summary, ratios};
use crate::peers::Peer;

/// In the order of a round. What is added is to the mean of the first and the last.
const PEERS: [Peer; 5] = [
    Peer::None,
    Peer::Lianlu,
    Peer::TowerOtel,
    Peer::FastraceFull,
    Peer::None,
];
const OURS: usize = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) server: Server,
    pub(super) once_more: bool,
    /// Microseconds of the server's CPU for a call, in the closed loop.
    pub(super) cpu: Summary,
    pub(super) added: Summary,
    /// What ours adds in the same round, over this.
    pub(super) ours_to_it: Summary,
}

struct Staying {
    service: Service,
    sink: Sink,
    calls: u64,
    cpu: Vec<f64>,
}

pub(super) fn run(quick: bool, go_peer: &Path) -> Vec<Row> {
    let (rounds, millis) = if quick { (3, 300) } else { (21, 400) };
    let mut rows = Vec::new();
    for server in [Server::Tonic, Server::Axum] as [fn(Peer) -> Server; 2] {
        let kind = server(Peer::None).transport();
        let mut staying = PEERS.map(|peer| start(server(peer), go_peer));
        for round in 0..=rounds {
            super::tell(&format!("CPU added, {kind:?}, round {round} of {rounds}"));
            for it in &mut staying {
                let measured =
                    servers::load((server(Peer::None), false), &it.service, millis, None);
                it.calls += measured.calls_in_all;
                // The first round is for caches and pools to fill.
                if round > 0 {
                    it.cpu.push(servers::cpu(&measured));
                }
            }
        }
        let mut cpus = Vec::new();
        for (peer, mut it) in PEERS.into_iter().zip(staying) {
            it.service.stop();
            servers::check((server(peer), false), it.calls, it.sink.arrived().spans);
            cpus.push(it.cpu);
        }
        rows.extend(self::rows(server, &cpus));
    }
    rows
}

fn start(server: Server, go_peer: &Path) -> Staying {
    let sink = Sink::start_nice();
    Staying {
        service: servers::start(server, go_peer, &sink),
        sink,
        calls: 0,
        cpu: Vec::new(),
    }
}

fn rows(server: fn(Peer) -> Server, cpus: &[Vec<f64>]) -> Vec<Row> {
    let (first, last) = (&cpus[0], &cpus[PEERS.len() - 1]);
    let untraced = first.iter().zip(last).map(|(a, b)| (a + b) / 2.0);
    let untraced: Vec<f64> = untraced.collect();
    let added = |cpu: &[f64]| -> Vec<f64> {
        let pairs = cpu.iter().zip(&untraced);
        pairs.map(|(cpu, untraced)| cpu - untraced).collect()
    };
    let ours = added(&cpus[OURS]);
    let rows = PEERS.into_iter().zip(cpus).enumerate();
    rows.map(|(at, (peer, cpu))| {
        let added = added(cpu);
        Row {
            server: server(peer),
            once_more: peer == Peer::None && at > 0,
            cpu: Summary::of(cpu),
            added: Summary::of(&added),
            ours_to_it: ratios(&ours, &added),
        }
    })
    .collect()
}
