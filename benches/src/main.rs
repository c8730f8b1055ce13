//! lianlu side by side with its peers. `bench drive` starts everything else as child processes, one
//! peer to a process, because a tracer provider, a subscriber and a reporter are global.

mod calls;
mod drive;
mod export;
mod in_process;
mod load;
mod machine;
mod memory;
mod peers;
mod servers;
mod sink;
mod threads;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "lianlu side by side with its peers")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Runs the parts with all peers in turn and writes the results.
    Drive(drive::Arguments),
    /// What a layer adds to a call, with neither sockets nor tasks.
    InProcess(in_process::Arguments),
    /// CPU for each span that arrives in another process.
    Export(export::Arguments),
    /// Spans a second on one thread and on two.
    Threads(threads::Arguments),
    /// Memory after a burst.
    Memory(memory::Arguments),
    /// A server with one peer's layer.
    Serve(servers::Arguments),
    /// Calls a server, in a closed loop or at a rate.
    Load(load::Arguments),
    /// Counts the spans it gets over OTLP.
    Sink,
}

fn main() {
    match Arguments::parse().what {
        What::Drive(arguments) => drive::run(&arguments),
        What::InProcess(arguments) => print(&in_process::run(&arguments)),
        What::Export(arguments) => print(&export::run(&arguments)),
        What::Threads(arguments) => print(&threads::run(&arguments)),
        What::Memory(arguments) => print(&memory::run(&arguments)),
        What::Serve(arguments) => servers::run(&arguments),
        What::Load(arguments) => print(&load::run(&arguments)),
        What::Sink => sink::run(),
    }
}

/// A child's only line on standard output is its result.
fn print(result: &impl serde::Serialize) {
    println!(
        "{}",
        serde_json::to_string(result).expect("a result is JSON")
    );
}
