//! Which processor a thread runs on.

use std::sync::OnceLock;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Binds this thread, and those that it starts from now on, to one of the processors that the process
/// was given: `0` is the first. On a machine with one only, it is that one.
pub(crate) fn pin(which: usize) {
    let given = given();
    let Some(cpu) = given.get(which).or(given.first()) else {
        return;
    };
    let mut one = CpuSet::new();
    one.set(*cpu).expect("a processor's number fits in the set");
    sched_setaffinity(Pid::from_raw(0), &one).expect("a part of what is allowed");
}

/// As it was at the first call: a thread that is bound sees one only.
fn given() -> &'static [usize] {
    static GIVEN: OnceLock<Vec<usize>> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let set = sched_getaffinity(Pid::from_raw(0)).expect("a thread may ask for its own");
        (0..CpuSet::count())
            .filter(|cpu| set.is_set(*cpu).unwrap_or(false))
            .collect()
    })
}
