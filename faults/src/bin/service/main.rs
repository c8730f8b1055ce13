//! The child: a service with a pipeline. It reads commands from standard input, one a line, and answers each with a line.
//! It reports spans that have ended in lines of their own: `c FIRST LAST UNPROMISED`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod beside;
mod callbacks;
mod calls;
mod commands;
mod exporters;
mod fork;
mod gate;
mod options;
mod pipeline;
mod spans;
mod within;

use std::io::Write;
use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    gate::hold_panics();
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

/// Writes a line in one piece.
fn say(line: &str) {
    let line = format!("{line}\n");
    let mut out = std::io::stdout().lock();
    // Fails if the parent is gone; then this process is about to end.
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
