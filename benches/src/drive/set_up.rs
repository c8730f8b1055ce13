//! What a server's set-up does to the price of its tracing: the same tonic server pinned and not, with
//! fewer calls in flight, with spans that are dropped, with more threads.
//!
//! Each set-up has its own servers, which stay and take turns that are short, as in
//! [`added`](super::added): one without tracing, one whose layer only has a body of its own, the floor,
//! ours without metrics, ours, and one without tracing once more. Ratios are of one round, to the mean
//! of its two servers without tracing. Beside the time there are counts, which other load on the
//! machine moves less: of how often threads wait, and of the pipeline's share in the time.

use std::process::Command;

use serde::{Deserialize, Serialize};

use super::child::{self, LARGE_QUEUE, Service, Sink};
use super::statistics::{Summary, ratios};
use crate::load::Measured;
use crate::machine::processes::ThreadUse;
use crate::peers::{Kind, Peer};

/// In the order of a round. Ratios are to the mean of the first and the last.
const PEERS: [Peer; 6] = [
    Peer::None,
    Peer::BodyOnly,
    Peer::Floor,
    Peer::LianluNoMetrics,
    Peer::Lianlu,
    Peer::None,
];

/// How the server and its load are run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SetUp {
    /// The server on the first processor, load and collector on the second.
    pub(super) is_pinned: bool,
    /// Threads that serve.
    pub(super) threads: usize,
    pub(super) in_flight: usize,
    pub(super) connections: usize,
    /// To a collector, or dropped at the pipeline's end.
    pub(super) exports: bool,
}

/// That of the servers part.
const USUAL: SetUp = SetUp {
    is_pinned: true,
    threads: 1,
    in_flight: 64,
    connections: 4,
    exports: true,
};

/// Each differs from the usual one in one thing; the last in all of them.
const SET_UPS: [SetUp; 7] = [
    USUAL,
    SetUp {
        is_pinned: false,
        ..USUAL
    },
    SetUp {
        exports: false,
        ..USUAL
    },
    SetUp {
        in_flight: 4,
        ..USUAL
    },
    SetUp {
        in_flight: 256,
        ..USUAL
    },
    SetUp {
        is_pinned: false,
        threads: 2,
        ..USUAL
    },
    SetUp {
        is_pinned: false,
        threads: 2,
        in_flight: 50,
        connections: 4,
        exports: false,
    },
];

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) set_up: SetUp,
    pub(super) peer: Peer,
    pub(super) once_more: bool,
    pub(super) calls_per_second: Summary,
    /// Microseconds of the server's CPU for a call.
    pub(super) cpu: Summary,
    /// Of these, those of the pipeline's threads.
    pub(super) pipeline_cpu: Summary,
    pub(super) times_untraced: Summary,
    /// How often a serving thread waits, for each call.
    pub(super) waits: Summary,
    /// How often a thread of the pipeline waits, for 1,000 calls.
    pub(super) pipeline_waits: Summary,
}

struct Staying {
    service: Service,
    measured: Vec<Measured>,
}

pub(super) fn run(quick: bool) -> Vec<Row> {
    let (rounds, millis) = if quick { (3, 300) } else { (21, 400) };
    let mut rows = Vec::new();
    for (at, set_up) in SET_UPS.into_iter().enumerate() {
        super::tell(&format!("set-up {} of {}", at + 1, SET_UPS.len()));
        let sink = Sink::start_nice();
        let mut staying = PEERS.map(|peer| Staying {
            service: start(set_up, peer, &sink),
            measured: Vec::new(),
        });
        for round in 0..=rounds {
            for it in &mut staying {
                let measured = load(set_up, &it.service, millis);
                // The first round is for caches and pools to fill.
                if round > 0 {
                    it.measured.push(measured);
                }
            }
        }
        let measured = staying.map(|it| {
            it.service.stop();
            it.measured
        });
        rows.extend(self::rows(set_up, &measured));
    }
    rows
}

fn place(command: &Command, set_up: SetUp, cpu: usize) -> Command {
    if set_up.is_pinned {
        child::pinned(command, cpu, 0)
    } else {
        child::anywhere(command)
    }
}

fn start(set_up: SetUp, peer: Peer, sink: &Sink) -> Service {
    let mut command = child::bench("serve");
    command
        .args(["--peer", &peer.name()])
        .args(["--transport", "grpc"])
        .args(["--threads", &set_up.threads.to_string()]);
    if set_up.exports {
        command.args(["--endpoint", &sink.url()]);
    }
    let mut command = place(&command, set_up, 0);
    command.env(LARGE_QUEUE.0, LARGE_QUEUE.1);
    Service::start(&mut command)
}

fn load(set_up: SetUp, service: &Service, millis: u64) -> Measured {
    let mut command = child::bench("load");
    command
        .args(["--transport", "grpc"])
        .args(["--target", &service.address])
        .args(["--server", &service.pid().to_string()])
        .args(["--in-flight", &set_up.in_flight.to_string()])
        .args(["--connections", &set_up.connections.to_string()])
        .args(["--millis", &millis.to_string()]);
    child::result(&mut place(&command, set_up, 1))
}

/// Whether a thread serves: it is one of tokio's. The pipeline's have names of their own.
fn serves(thread: &ThreadUse) -> bool {
    thread.name.starts_with("tokio-")
}

fn rows(set_up: SetUp, measured: &[Vec<Measured>]) -> Vec<Row> {
    let cpu = |it: &Measured| it.server_cpu as f64 / 1_000.0 / it.calls as f64;
    let cpus = |them: &[Measured]| -> Vec<f64> { them.iter().map(cpu).collect() };
    let (first, last) = (cpus(&measured[0]), cpus(&measured[PEERS.len() - 1]));
    let untraced: Vec<f64> = first.iter().zip(last).map(|(a, b)| (a + b) / 2.0).collect();
    let rows = PEERS.into_iter().zip(measured).enumerate();
    rows.map(|(at, (peer, measured))| {
        let all = |of: &dyn Fn(&Measured) -> f64| {
            let all: Vec<_> = measured.iter().map(of).collect();
            Summary::of(&all)
        };
        let sum = |it: &Measured, serving: bool, of: &dyn Fn(&ThreadUse) -> u64| {
            let threads = it.server_threads.iter();
            let sum: u64 = threads.filter(|it| serves(it) == serving).map(of).sum();
            sum as f64 / it.calls as f64
        };
        Row {
            set_up,
            peer,
            once_more: peer.kind() == Kind::None && at + 1 == PEERS.len(),
            calls_per_second: all(&|it| it.calls as f64 / it.seconds),
            cpu: all(&cpu),
            pipeline_cpu: all(&|it| sum(it, false, &|thread| thread.cpu) / 1_000.0),
            times_untraced: ratios(&cpus(measured), &untraced),
            waits: all(&|it| sum(it, true, &|thread| thread.waits)),
            pipeline_waits: all(&|it| sum(it, false, &|thread| thread.waits) * 1_000.0),
        }
    })
    .collect()
}
