//! The `lianlu` command.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the output of a command line program"
)]

mod recover;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "lianlu",
    version,
    about = "Distributed tracing for Rust services"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send the spans that a flight recorder has kept to a collector, for a service that died and
    /// was not restarted
    Recover(recover::Recover),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Recover(recover) => recover.run(),
    }
}
