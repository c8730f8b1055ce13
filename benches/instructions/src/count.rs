//! Runs this program under callgrind.
//!
//! Twice, with so many calls and with twice as many: the difference has nothing of what is done once.

use std::process::{Command, Output};

use serde::{Deserialize, Serialize};

use crate::calls::Case;

const CALLS: u64 = 2_000;

/// Of one call, with the service and the caller, who are the same in all cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    /// To a tenth: what grows now and then is not one for each call.
    pub(crate) allocations: f64,
}

pub(crate) fn of(case: Case) -> Counts {
    let instructions = instructions(case, 2 * CALLS) - instructions(case, CALLS);
    let allocations = allocations(case, 2 * CALLS) - allocations(case, CALLS);
    Counts {
        instructions: instructions / CALLS,
        allocations: (allocations as f64 / CALLS as f64 * 10.0).round() / 10.0,
    }
}

fn this_program() -> std::path::PathBuf {
    std::env::current_exe().expect("a program has a path")
}

fn allocations(case: Case, calls: u64) -> u64 {
    let mut command = Command::new(this_program());
    let output = run(command.args(["call", case.name(), &calls.to_string()]));
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("it prints a number")
}

fn instructions(case: Case, calls: u64) -> u64 {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // Only what is below this function, which the pipeline's thread never enters.
        .arg("--toggle-collect=*calls*counted*")
        .arg(this_program())
        .args(["call", case.name(), &calls.to_string()]);
    let output = run(&mut command);
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .unwrap_or_else(|| panic!("callgrind has not said what it has collected:\n{text}"));
    let collected = collected.1.trim().parse().expect("it prints a number");
    assert!(
        collected > calls,
        "the calls were not seen by callgrind:\n{text}"
    );
    collected
}

fn run(command: &mut Command) -> Output {
    let output = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stderr}",
        output.status
    );
    output
}
