//! Servers under load, one variant at a time.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::child::{self, LARGE_QUEUE, Service, Sink};
use super::in_process::name;
use super::statistics::{Summary, ratio};
use crate::in_process::Transport;
use crate::load::Measured;
use crate::peers::{Kind, Peer};

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) server: Server,
    pub(super) unsampled: bool,
    /// Calls a second, as many as it can.
    pub(super) calls_per_second: Summary,
    /// Microseconds of the server's CPU for a call, in the closed loop.
    pub(super) cpu: Summary,
    /// Over the same server without tracing, in the same round.
    pub(super) cpu_added: Summary,
    pub(super) cpu_times_untraced: f64,
    /// The same at a fixed rate.
    pub(super) cpu_at_rate: Summary,
    pub(super) cpu_at_rate_added: Summary,
    /// Calls a second: half of what the server without tracing can take.
    pub(super) rate: f64,
    /// Microseconds, at that rate.
    pub(super) p50: Summary,
    pub(super) p99: Summary,
    pub(super) p99_times_untraced: f64,
    /// How late the load itself was.
    pub(super) load_late_p99: f64,
    /// Of the calls made, those whose span arrived.
    pub(super) arrived: f64,
}

/// A program that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Server {
    Tonic(Peer),
    Axum(Peer),
    Kratos { traced: bool },
    GrpcGo { traced: bool },
}

impl Server {
    fn untraced(self) -> Self {
        match self {
            Self::Tonic(_) => Self::Tonic(Peer::None),
            Self::Axum(_) => Self::Axum(Peer::None),
            Self::Kratos { .. } => Self::Kratos { traced: false },
            Self::GrpcGo { .. } => Self::GrpcGo { traced: false },
        }
    }

    pub(super) fn exports(self) -> bool {
        match self {
            Self::Tonic(peer) | Self::Axum(peer) => peer.kind() != Kind::None,
            Self::Kratos { traced } | Self::GrpcGo { traced } => traced,
        }
    }

    fn is_ours(self) -> bool {
        matches!(self, Self::Tonic(peer) | Self::Axum(peer) if peer.kind() == Kind::Lianlu)
    }

    /// What it stands on, as the program in Go is told too.
    pub(super) fn framework(self) -> &'static str {
        match self {
            Self::Tonic(_) => "tonic",
            Self::Axum(_) => "axum",
            Self::Kratos { .. } => "kratos",
            Self::GrpcGo { .. } => "grpc",
        }
    }

    pub(super) fn transport(self) -> Transport {
        match self {
            Self::Axum(_) => Transport::Http,
            _ => Transport::Grpc,
        }
    }

    pub(super) fn command(self, go_peer: &Path, sink: &Sink) -> Command {
        let rust = |peer: Peer| {
            let mut command = child::bench("serve");
            command
                .args(["--peer", &peer.name()])
                .args(["--transport", &name(self.transport())])
                .args(["--endpoint", &sink.url()]);
            command
        };
        let go = |traced| {
            let mut command = child::program(go_peer);
            command
                .args(["--framework", self.framework()])
                .args(["--otlp", sink.address()])
                .args(if traced { &["--traced"][..] } else { &[] });
            command
        };
        match self {
            Self::Tonic(peer) | Self::Axum(peer) => rust(peer),
            Self::Kratos { traced } | Self::GrpcGo { traced } => go(traced),
        }
    }
}

/// A server, and whether its callers' traces are not sampled.
pub(super) type Variant = (Server, bool);

fn variants() -> Vec<Variant> {
    let mut variants = Vec::new();
    for server in [Server::Tonic, Server::Axum] as [fn(Peer) -> Server; 2] {
        let is_axum = matches!(server(Peer::None), Server::Axum(_));
        let common = [Peer::None, Peer::Lianlu, Peer::Sdk, Peer::TowerOtel];
        let common = common.into_iter().chain([Peer::TracingOtel]);
        let of_axum = [Peer::OtelTower, Peer::TowerHttpOtel];
        let of_axum = of_axum.into_iter().filter(|_| is_axum);
        let peers = common
            .chain(of_axum)
            .chain([Peer::Fastrace, Peer::FastraceFull]);
        variants.extend(peers.map(|peer| (server(peer), false)));
        variants.push((server(Peer::Lianlu), true));
        // Nobody looks whether the caller's trace is sampled, so this is the same once more: what the difference between
        // two numbers is where there is none.
        variants.push((server(Peer::None), true));
    }
    for traced in [false, true] {
        variants.push((Server::Kratos { traced }, false));
        variants.push((Server::GrpcGo { traced }, false));
    }
    variants
}

struct Sample {
    closed: Measured,
    at_rate: Measured,
    arrived: f64,
}

/// A server on the first processor, that drops nothing for want of room.
pub(super) fn start(server: Server, go_peer: &Path, sink: &Sink) -> Service {
    let mut command = child::pinned(&server.command(go_peer, sink), 0, 0);
    command.env(LARGE_QUEUE.0, LARGE_QUEUE.1);
    Service::start(&mut command)
}

/// Microseconds of the server's CPU for a call.
pub(super) fn cpu(measured: &Measured) -> f64 {
    measured.server_cpu as f64 / 1_000.0 / measured.calls as f64
}

/// Makes sure that those spans came out that are to: all of ours.
pub(super) fn check(variant: Variant, calls: u64, arrived: u64) {
    let (server, unsampled) = variant;
    if !server.exports() || unsampled {
        assert_eq!(arrived, 0, "spans from {variant:?}");
        return;
    }
    assert!(arrived > 0, "no spans from {variant:?}");
    let all = if server.is_ours() {
        arrived == calls
    } else {
        arrived <= calls
    };
    assert!(all, "{arrived} spans from {variant:?} for {calls} calls");
}

pub(super) fn run(quick: bool, go_peer: &Path) -> Vec<Row> {
    let (rounds, millis) = if quick { (2, 500) } else { (6, 1_300) };
    let mut sink = Sink::start_nice();
    let variants = variants();
    super::tell("servers: how much they take without tracing");
    let rates: Vec<_> = variants
        .iter()
        .filter(|(server, unsampled)| !server.exports() && !unsampled)
        .map(|(server, _)| (*server, half_of_its_most(*server, millis, go_peer, &sink)))
        .collect();
    let rate = |server: Server| {
        let rate = rates.iter().find(|it| it.0 == server.untraced());
        rate.expect("each server is there without tracing too").1
    };
    let mut samples: Vec<Vec<Sample>> = variants.iter().map(|_| Vec::new()).collect();
    for round in 1..=rounds {
        super::tell(&format!("servers, round {round} of {rounds}"));
        for (variant, samples) in variants.iter().zip(&mut samples) {
            samples.push(measure(
                *variant,
                rate(variant.0),
                millis,
                go_peer,
                &mut sink,
            ));
        }
    }
    let untraced = |server: Server| {
        let place = variants
            .iter()
            .position(|it| *it == (server.untraced(), false));
        &samples[place.expect("each server is there without tracing too")]
    };
    let rows = variants.iter().zip(&samples);
    rows.map(|(variant, samples)| row(*variant, rate(variant.0), samples, untraced(variant.0)))
        .collect()
}

fn half_of_its_most(server: Server, millis: u64, go_peer: &Path, sink: &Sink) -> f64 {
    let service = Service::start(&mut child::pinned(&server.command(go_peer, sink), 0, 0));
    let measured = load((server, false), &service, millis, None);
    service.stop();
    half(&measured)
}

/// Half as many calls a second as there were.
pub(super) fn half(measured: &Measured) -> f64 {
    (measured.calls as f64 / measured.seconds / 2.0).round()
}

fn measure(variant: Variant, rate: f64, millis: u64, go_peer: &Path, sink: &mut Sink) -> Sample {
    let server = variant.0;
    let service = start(server, go_peer, sink);
    let closed = load(variant, &service, millis, None);
    let at_rate = load(variant, &service, millis, Some(rate));
    service.stop();
    let arrived = sink.arrived().spans;
    let calls = closed.calls_in_all + at_rate.calls_in_all;
    check(variant, calls, arrived);
    Sample {
        closed,
        at_rate,
        arrived: arrived as f64 / calls as f64,
    }
}

pub(super) fn load(
    variant: Variant,
    service: &Service,
    millis: u64,
    rate: Option<f64>,
) -> Measured {
    let mut command = child::bench("load");
    command
        .args(["--transport", &name(variant.0.transport())])
        .args(["--target", &service.address])
        .args(["--server", &service.pid().to_string()])
        .args(["--millis", &millis.to_string()]);
    if let Some(rate) = rate {
        command.args(["--rate", &rate.to_string()]);
    }
    if variant.1 {
        command.arg("--unsampled");
    }
    child::result(&mut child::pinned(&command, 1, 0))
}

fn row(variant: Variant, rate: f64, samples: &[Sample], untraced: &[Sample]) -> Row {
    let all = |of: &dyn Fn(&Sample) -> f64| {
        let all: Vec<_> = samples.iter().map(of).collect();
        Summary::of(&all)
    };
    // Neighbours in time are compared, so that what is slow for a while is so for both.
    let against = |of: &dyn Fn(&Sample, &Sample) -> f64| {
        let pairs = samples.iter().zip(untraced);
        let all: Vec<_> = pairs.map(|(it, untraced)| of(it, untraced)).collect();
        Summary::of(&all)
    };
    let cpu = |it: &Sample| self::cpu(&it.closed);
    let cpu_at_rate = |it: &Sample| self::cpu(&it.at_rate);
    Row {
        server: variant.0,
        unsampled: variant.1,
        calls_per_second: all(&|it| it.closed.calls as f64 / it.closed.seconds),
        cpu: all(&cpu),
        cpu_added: against(&|it, untraced| cpu(it) - cpu(untraced)),
        cpu_times_untraced: against(&|it, untraced| ratio(cpu(it), cpu(untraced))).median,
        cpu_at_rate: all(&cpu_at_rate),
        cpu_at_rate_added: against(&|it, untraced| cpu_at_rate(it) - cpu_at_rate(untraced)),
        rate,
        p50: all(&|it| it.at_rate.p50),
        p99: all(&|it| it.at_rate.p99),
        p99_times_untraced: against(&|it, untraced| ratio(it.at_rate.p99, untraced.at_rate.p99))
            .median,
        load_late_p99: all(&|it| it.at_rate.late_p99).median,
        arrived: all(&|it| it.arrived).median,
    }
}
