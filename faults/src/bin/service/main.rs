//! The child: a service with a pipeline, which does what it is told on standard input, a line each, and answers with a
//! line each. Of spans that have ended it says so: `c FIRST LAST UNPROMISED`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod callbacks;
mod calls;
mod commands;
mod exporters;
mod fork;
mod options;
mod pipeline;
mod spans;
mod within;

use std::io::Write;
use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let options = Options::parse(std::env::args().skip(1));
    match pipeline::start(&options) {
        Ok(pipeline) => {
            say("ready");
            commands::serve(&options, pipeline);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("error {error}"));
            ExitCode::FAILURE
        }
    }
}

/// A line, in one piece.
fn say(line: &str) {
    let line = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    // Nobody there: it is over anyway.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
