//! A small shop of traced services under traffic.
//!
//! ```text
//! shopper ──HTTP──► gateway ──gRPC──► orders ──gRPC──► catalog ──► SQLite
//!                      └────────────────gRPC───────────────┘
//! ```
//!
//! All in one process on loopback, each service with a span pipeline and a `service.name` of its own.
//! The finished traces are printed as trees, or sent to a collector; see `--help`.

mod args;
mod catalog;
mod gateway;
mod orders;
mod ports;
mod shop;
mod shopper;
mod stop;
mod summary;
mod telemetry;

use std::error::Error;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::Args;
use summary::Summary;
use telemetry::Telemetry;

/// How long connections that are still busy get when the shop closes.
const CLOSING: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody left to tell if this fails.
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Ports first: what can't start must not have sent anything.
    let ports = runtime.block_on(ports::Ports::bind(args))?;
    let telemetry = Telemetry::start(&args.destination())?;
    let visits = runtime.block_on(shop::open(args, ports, &telemetry))?;
    // Drops every call that is still open, and so ends its span.
    runtime.shutdown_timeout(CLOSING);
    let summary = Summary {
        visits,
        spans: telemetry.finish(),
    };
    // A closed pipe has nobody reading.
    let _ = write!(stdout(), "{summary}");
    if let Some(warning) = summary.warning() {
        let _ = writeln!(stderr(), "{warning}");
    }
    Ok(())
}
