//! What /proc says of a process.

use std::fs;
use std::time::Duration;

/// CPU time of all the threads that a process has now. In nanoseconds where /proc/PID/stat has ticks of
/// 10 ms, which is a lot beside what tracing costs.
pub(crate) fn cpu(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    let nanos = tasks
        // A thread may end between its being listed and its being read.
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
        .map(|text| first_number(&text))
        .sum();
    Duration::from_nanos(nanos)
}

fn first_number(text: &str) -> u64 {
    let first = text.split_ascii_whitespace().next();
    first
        .and_then(|number| number.parse().ok())
        .expect("schedstat begins with a number: the kernel has CONFIG_SCHED_INFO")
}

/// Resident memory of this process in kB.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Resident {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

impl Resident {
    pub(crate) fn read() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("Linux has /proc");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            first_number(line.expect("/proc/self/status has what every kernel writes"))
        };
        Self {
            now: field("VmRSS:"),
            peak: field("VmHWM:"),
        }
    }
}
