//! The real Kratos v2.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::jaeger::Jaeger;
use crate::peers::Peers;
use crate::process::Process;

/// A running Kratos service: `helloworld.Greeter` over gRPC and HTTP.
#[derive(Debug)]
pub struct Kratos {
    _process: Process,
    /// `host:port` of its gRPC transport.
    pub grpc: String,
    /// `host:port` of its HTTP transport.
    pub http: String,
}

impl Kratos {
    /// Starts a service of this name, which calls the `next` one, given as a flag and its value.
    #[must_use]
    pub fn serve(peers: &Peers, jaeger: &Jaeger, name: &str, next: Option<[&str; 2]>) -> Self {
        let next = next.as_ref().map_or(&[][..], |next| next);
        let collector = jaeger.otlp_grpc();
        Self::serve_with(
            &peers.kratos,
            collector.trim_start_matches("http://"),
            name,
            next,
        )
    }

    /// Starts the service with these flags. Without an OTLP collector it exports nothing.
    #[must_use]
    pub fn serve_with(kratos: &Path, collector: &str, name: &str, flags: &[&str]) -> Self {
        let mut command = Command::new(kratos);
        command
            .args(["serve", "--name", name])
            .args(["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--otlp", collector])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Process::start(&mut command);
        let ready = process.wait_for_line("ready ");
        let address = |transport: &str| {
            ready
                .split_whitespace()
                .find_map(|part| part.strip_prefix(transport)?.strip_prefix('='))
                .unwrap_or_else(|| panic!("no {transport} in {ready:?}"))
                .to_owned()
        };
        Self {
            _process: process,
            grpc: address("grpc"),
            http: address("http"),
        }
    }
}

/// The outcome of a Kratos client's call.
#[derive(Debug)]
pub struct Called {
    /// The greeter's reply, or empty.
    pub message: String,
    /// The error's text, or empty.
    pub error: String,
    /// The trace that the client started.
    pub trace_id: String,
}

/// Calls a greeter with a Kratos client named `caller`, over `grpc` or `http`.
///
/// # Panics
///
/// If the client cannot be run.
#[must_use]
pub fn call(
    peers: &Peers,
    jaeger: &Jaeger,
    transport: &str,
    target: &str,
    extra: &[&str],
    greet: &str,
) -> Called {
    let collector = jaeger.otlp_grpc();
    let collector = collector.trim_start_matches("http://");
    call_with(&peers.kratos, collector, transport, target, extra, greet)
}

/// As [`call`]. Without an OTLP collector it exports nothing.
///
/// # Panics
///
/// If the client cannot be run.
#[must_use]
pub fn call_with(
    kratos: &Path,
    collector: &str,
    transport: &str,
    target: &str,
    extra: &[&str],
    greet: &str,
) -> Called {
    let output = Command::new(kratos)
        .args(["call", "--name", "caller", "--transport", transport])
        .args(["--target", target])
        .args(["--otlp", collector])
        .args(extra)
        .arg(greet)
        .stderr(Stdio::inherit())
        .output()
        .expect("the Kratos client");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    Called {
        message: text("message"),
        error: text("error"),
        trace_id: text("trace_id"),
    }
}
