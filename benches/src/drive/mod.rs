//! Runs everything, peers in turn, round after round, and writes what came of it.

mod added;
mod child;
mod export;
mod half_load;
mod in_process;
mod machine;
mod memory;
mod recorder;
mod report;
mod servers;
mod set_up;
mod statistics;
mod targets;
mod threads;

use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Fewer rounds, shorter ones: under five minutes.
    #[arg(long)]
    quick: bool,
    /// One of the parts, or several; all of them by default.
    #[arg(long = "part")]
    parts: Vec<Part>,
    /// Where the results go. Those of a part alone don't replace a whole run's.
    #[arg(long)]
    results: PathBuf,
    /// The servers in Go.
    #[arg(long)]
    go_peer: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    InProcess,
    Export,
    Servers,
    Threads,
    Memory,
    Recorder,
    /// Not a part of a whole run.
    SetUp,
}

/// A run's results, as in `latest.json`.
#[derive(Default, Serialize, Deserialize)]
struct Results {
    machine: machine::Machine,
    quick: bool,
    seconds: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    in_process: Vec<in_process::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    export: Vec<export::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    servers: Vec<servers::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    added: Vec<added::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    half_load: Vec<half_load::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    threads: Vec<threads::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    memory: Vec<memory::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    recorder: Vec<recorder::Row>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    set_up: Vec<set_up::Row>,
    targets: Vec<targets::Target>,
}

pub(crate) fn run(arguments: &Arguments) {
    let began = Instant::now();
    let quick = arguments.quick;
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let mut results = Results {
        machine: machine::Machine::read(),
        quick,
        ..Results::default()
    };
    if wanted(Part::InProcess) {
        results.in_process = in_process::run(quick);
    }
    if wanted(Part::Export) {
        results.export = export::run(quick);
    }
    if wanted(Part::Servers) {
        results.servers = servers::run(quick, &arguments.go_peer);
        results.added = added::run(quick, &arguments.go_peer);
        results.half_load = half_load::run(quick, &arguments.go_peer);
    }
    if wanted(Part::Threads) {
        results.threads = threads::run(quick);
    }
    if wanted(Part::Memory) {
        results.memory = memory::run(quick);
    }
    if wanted(Part::Recorder) {
        results.recorder = recorder::run(quick);
    }
    // A diagnosis, not a result: only when it is named.
    if arguments.parts.contains(&Part::SetUp) {
        results.set_up = set_up::run(quick);
    }
    results.targets = targets::of(&results);
    results.seconds = began.elapsed().as_secs();
    report::write(&results, &arguments.results);
}

/// A line on standard error for whoever waits.
fn tell(what: &str) {
    eprintln!("bench: {what}");
}
