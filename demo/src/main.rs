//! A small shop of traced services under traffic.
//!
//! ```text
//! shopper ──HTTP──► gateway ──gRPC──► orders ──gRPC──► catalog ──► SQLite
//!                      └────────────────gRPC───────────────┘
//! ```
//!
//! All in one process on loopback, each service with its own span pipeline and `service.name`.
//! Finished traces are printed as trees, or sent to a collector; see `--help`.

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

/// The time for busy connections when the shop closes.
const CLOSING: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A failure to write is ignored.
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Ports first: nothing may be exported if the shop cannot start.
    let ports = runtime.block_on(ports::Ports::bind(args))?;
    let telemetry = Telemetry::start(&args.destination())?;
    let visits = runtime.block_on(shop::open(args, ports, &telemetry))?;
    // Drops the open calls, which ends their spans.
    runtime.shutdown_timeout(CLOSING);
    let summary = Summary {
        visits,
        spans: telemetry.finish(),
    };
    // A closed pipe is ignored.
    let _ = write!(stdout(), "{summary}");
    if let Some(warning) = summary.warning() {
        let _ = writeln!(stderr(), "{warning}");
    }
    Ok(())
}
