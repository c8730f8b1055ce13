//! Starts the demo on free ports, and reads its summary.

use std::process::{Command, Output};

/// The demo with these arguments, and free ports unless they set one.
pub fn demo(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lianlu-demo"));
    for flag in ["--gateway-port", "--orders-port", "--catalog-port"] {
        if !args.contains(&flag) {
            command.args([flag, "0"]);
        }
    }
    for (name, _) in std::env::vars_os() {
        // Settings of the developer must have no effect.
        if name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.args(args);
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The first number of the line that begins with `word`.
pub fn number_after(text: &str, word: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(word));
    let line = line.unwrap_or_else(|| panic!("no line {word} in\n{text}"));
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Started, exported, dropped, waiting and open.
pub fn spans_line(text: &str) -> [u64; 5] {
    let line = text.lines().find(|line| line.starts_with("spans "));
    let line = line.unwrap_or_else(|| panic!("no line of spans in\n{text}"));
    let numbers: Vec<u64> = line
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    numbers.try_into().unwrap()
}
