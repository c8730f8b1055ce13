//! The `lianlu` command.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is what people read"
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
    /// Send what a flight recorder's folder has kept to a collector: spans of a service that died and was not started again
    Recover(recover::Recover),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Recover(recover) => recover.run(),
    }
}
