//! Runs this program under callgrind.
//!
//! Twice for each case, with so many calls and with twice as many: the difference has nothing of
//! what is done once. Everything that may differ from run to run or from machine to machine is
//! pinned: the environment, the C library's choice of `memcpy` and its tunables.

use std::process::{Child, Command, Output, Stdio};

use serde::{Deserialize, Serialize};

use crate::cases::Case;

const CALLS: u64 = 4_000;

/// The C library takes the `memcpy` and `memset` of a plain x86-64 processor with AVX2, which
/// valgrind knows, and not that of the processor it finds. Unknown names are ignored.
const TUNABLES: &str =
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-ERMS,-FSRM,-Prefer_ERMS,-Prefer_FSRM";

/// Of one call, with the service that it calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) instructions: i64,
    /// To a tenth: a buffer that grows now and then is not one for each call.
    pub(crate) allocations: f64,
}

impl Counts {
    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            instructions: self.instructions - other.instructions,
            allocations: to_tenths(self.allocations - other.allocations),
        }
    }
}

fn to_tenths(number: f64) -> f64 {
    // Adding 0 turns -0 into 0.
    (number * 10.0).round() / 10.0 + 0.0
}

pub(crate) fn of(case: Case) -> Counts {
    // Side by side, as instructions do not depend on the time.
    let few = start(case, CALLS);
    let many = start(case, 2 * CALLS);
    let (few, many) = (Run::end(few, CALLS), Run::end(many, 2 * CALLS));
    let instructions = (many.instructions - few.instructions) as f64 / CALLS as f64;
    Counts {
        instructions: instructions.round() as i64,
        allocations: to_tenths((many.allocations - few.allocations) as f64 / CALLS as f64),
    }
}

fn start(case: Case, calls: u64) -> Child {
    let this_program = std::env::current_exe().expect("a program has a path");
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // Counts below this function only, which the pipeline's thread never enters.
        .arg("--toggle-collect=*calls*counted*")
        .arg(this_program)
        .args(["call", case.name, &calls.to_string()])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

struct Run {
    instructions: i64,
    allocations: i64,
}

impl Run {
    fn end(child: Child, calls: u64) -> Self {
        let output = child.wait_with_output().expect("a child can be waited for");
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "callgrind: {status}\n{stderr}");
        let collected = stderr
            .lines()
            .find_map(|line| line.split_once("Collected : "))
            .unwrap_or_else(|| panic!("callgrind printed no count:\n{stderr}"));
        let instructions = collected.1.trim().parse().expect("the count is a number");
        assert!(
            instructions > calls as i64,
            "callgrind did not find the counted function:\n{stderr}"
        );
        let allocations = String::from_utf8_lossy(&stdout);
        Self {
            instructions,
            allocations: allocations.trim().parse().expect("it prints a number"),
        }
    }
}
