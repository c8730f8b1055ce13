//! What /proc says of a process.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a thread has used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ThreadUse {
    id: u32,
    pub(crate) name: String,
    /// CPU time in nanoseconds. /proc/PID/stat has ticks of 10 ms, more than tracing costs.
    pub(crate) cpu: u64,
    /// How often it gave its processor away to wait.
    pub(crate) waits: u64,
    /// How often its processor was taken from it.
    pub(crate) preemptions: u64,
}

/// All the threads that a process has now.
pub(crate) fn threads(pid: u32) -> Vec<ThreadUse> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the process lives");
    // A thread may end after it was listed.
    tasks
        .filter_map(|task| thread(&task.ok()?.path()))
        .collect()
}

fn thread(folder: &Path) -> Option<ThreadUse> {
    let read = |file| fs::read_to_string(folder.join(file)).ok();
    let status = read("status")?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    Some(ThreadUse {
        id: folder.file_name()?.to_str()?.parse().ok()?,
        name: read("comm")?.trim().to_owned(),
        cpu: first_number(&read("schedstat")?),
        waits: first_number(field("voluntary_ctxt_switches:")?),
        preemptions: first_number(field("nonvoluntary_ctxt_switches:")?),
    })
}

/// What the threads of a process have used since `before` was read.
pub(crate) fn used_since(before: &[ThreadUse], pid: u32) -> Vec<ThreadUse> {
    let mut threads = threads(pid);
    for now in &mut threads {
        if let Some(before) = before.iter().find(|before| before.id == now.id) {
            now.cpu -= before.cpu;
            now.waits -= before.waits;
            now.preemptions -= before.preemptions;
        }
    }
    threads
}

fn first_number(text: &str) -> u64 {
    let first = text.split_ascii_whitespace().next();
    first
        .and_then(|number| number.parse().ok())
        .expect("a number: of schedstat, if the kernel has CONFIG_SCHED_INFO")
}

/// Resident memory of this process in kB.
#[derive(Clone, Copy, Serialize, Deserialize)]
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
