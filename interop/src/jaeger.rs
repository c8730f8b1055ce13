//! The real Jaeger v2, on free ports.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::peers::{HERE, Peers};
use crate::process::{PATIENCE, Process};
use crate::trace::Trace;

/// A running Jaeger with storage in memory.
#[derive(Debug)]
pub struct Jaeger {
    _process: Process,
    ports: Ports,
}

#[derive(Debug)]
struct Ports {
    otlp_grpc: u16,
    otlp_http: u16,
    thrift_http: u16,
    thrift_udp: u16,
    zipkin: u16,
    query: u16,
    health: u16,
    sampling: u16,
}

impl Jaeger {
    /// Starts Jaeger and waits until it is ready.
    ///
    /// # Panics
    ///
    /// If it is not ready within half a minute.
    #[must_use]
    pub fn start(peers: &Peers) -> Self {
        Self::start_with_strategies(peers, None)
    }

    /// As [`start`](Self::start), with sampling strategies from this file, which Jaeger reads every
    /// second.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_strategies(peers: &Peers, strategies: Option<&Path>) -> Self {
        // Another process may take a port before Jaeger does; Jaeger then ends at once.
        (0..5)
            .find_map(|_| Self::try_start(peers, strategies))
            .expect("free ports for Jaeger")
    }

    fn try_start(peers: &Peers, strategies: Option<&Path>) -> Option<Self> {
        // All are bound at the same time, so that they differ.
        let listeners: Vec<_> = (0..13)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let mut tcp = listeners
            .iter()
            .map(|listener| listener.local_addr().expect("a port").port());
        let sockets: Vec<_> = (0..2)
            .map(|_| UdpSocket::bind("127.0.0.1:0").expect("a free port"))
            .collect();
        let mut udp = sockets
            .iter()
            .map(|socket| socket.local_addr().expect("a port").port());
        let mut next = || tcp.next().expect("enough ports");
        let ports = Ports {
            otlp_grpc: next(),
            otlp_http: next(),
            thrift_http: next(),
            thrift_udp: udp.next().expect("enough ports"),
            zipkin: next(),
            query: next(),
            health: next(),
            sampling: next(),
        };
        let config = Path::new(HERE).join("jaeger/config.yaml");
        let mut command = Command::new(&peers.jaeger);
        command
            .arg(format!("--config=file:{}", config.display()))
            .env("JAEGER_OTLP_GRPC_PORT", ports.otlp_grpc.to_string())
            .env("JAEGER_OTLP_HTTP_PORT", ports.otlp_http.to_string())
            .env("JAEGER_THRIFT_HTTP_PORT", ports.thrift_http.to_string())
            .env("JAEGER_THRIFT_COMPACT_PORT", ports.thrift_udp.to_string())
            .env("JAEGER_ZIPKIN_PORT", ports.zipkin.to_string())
            .env("JAEGER_QUERY_HTTP_PORT", ports.query.to_string())
            .env("JAEGER_HEALTH_PORT", ports.health.to_string())
            .env("JAEGER_SAMPLING_HTTP_PORT", ports.sampling.to_string())
            .env(
                "JAEGER_THRIFT_BINARY_PORT",
                udp.next().expect("enough ports").to_string(),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(strategies) = strategies {
            command.env("JAEGER_SAMPLING_STRATEGIES", strategies);
        }
        for unused in [
            "JAEGER_GRPC_PORT",
            "JAEGER_QUERY_GRPC_PORT",
            "JAEGER_SAMPLING_GRPC_PORT",
            "JAEGER_EXPVAR_PORT",
            "JAEGER_ZPAGES_PORT",
            "JAEGER_METRICS_PORT",
        ] {
            command.env(unused, next().to_string());
        }
        drop((listeners, sockets));
        let mut process = Process::start(&mut command);
        let health = format!("http://127.0.0.1:{}/status", ports.health);
        let is_ready = poll("Jaeger to be ready", || {
            if process.has_ended() {
                return Some(false);
            }
            ureq::get(&health).call().ok().map(|_| true)
        });
        is_ready.then_some(Self {
            _process: process,
            ports,
        })
    }

    /// `http://…` of OTLP over gRPC.
    #[must_use]
    pub fn otlp_grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_grpc)
    }

    /// `http://…` of OTLP over HTTP, without a path.
    #[must_use]
    pub fn otlp_http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.otlp_http)
    }

    /// `http://…` of thrift over HTTP.
    #[must_use]
    pub fn collector(&self) -> String {
        format!("http://127.0.0.1:{}/api/traces", self.ports.thrift_http)
    }

    /// `host:port` of compact thrift over UDP.
    #[must_use]
    pub fn agent(&self) -> String {
        format!("127.0.0.1:{}", self.ports.thrift_udp)
    }

    /// `http://…` of Zipkin's JSON.
    #[must_use]
    pub fn zipkin(&self) -> String {
        format!("http://127.0.0.1:{}/api/v2/spans", self.ports.zipkin)
    }

    /// `http://…` of the sampling strategies, without a path.
    #[must_use]
    pub fn sampling(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.sampling)
    }

    /// Waits for the trace with this id to have `spans` spans.
    ///
    /// # Panics
    ///
    /// If it does not within half a minute.
    #[must_use]
    pub fn trace(&self, id: &str, spans: usize) -> Trace {
        let url = format!("http://127.0.0.1:{}/api/traces/{id}", self.ports.query);
        self.wait(&url, spans)
    }

    /// Waits for the only trace of `service` to have `spans` spans.
    ///
    /// # Panics
    ///
    /// If it does not within half a minute.
    #[must_use]
    pub fn trace_of(&self, service: &str, spans: usize) -> Trace {
        let url = format!(
            "http://127.0.0.1:{}/api/traces?service={service}",
            self.ports.query
        );
        self.wait(&url, spans)
    }

    fn wait(&self, url: &str, spans: usize) -> Trace {
        poll(&format!("{spans} spans at {url}"), || {
            let mut response = ureq::get(url).call().ok()?;
            let answer: Value = response.body_mut().read_json().ok()?;
            let trace = Trace::read(answer["data"].get(0)?);
            (trace.spans.len() >= spans).then_some(trace)
        })
    }
}

fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
