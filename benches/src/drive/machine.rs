//! Where a run was made.

use std::fs;
use std::process::Command;

use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) processors: usize,
    pub(super) kernel: String,
    pub(super) rust: String,
    pub(super) go: String,
    /// When the run began: above the number of processors something else was running too.
    pub(super) load_average: f64,
}

impl Machine {
    pub(super) fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map(|(_, name)| name.to_owned());
        let load_average = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_average = load_average.split_ascii_whitespace().next();
        Self {
            processor: processor.unwrap_or_default(),
            processors: std::thread::available_parallelism().map_or(1, Into::into),
            kernel: said("uname", "-sr"),
            rust: said("rustc", "--version"),
            go: said("go", "version"),
            load_average: load_average.and_then(|it| it.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn said(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let output = output.map(|it| it.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
