//! Requests that complete while something else goes wrong.

use std::time::Instant;

use crate::{Child, Counts, PATIENCE};

/// Requests of one series: more than the 512 spans that a thread collects before it hands them over, so that the series
/// passes through the locks that threads share, and fewer than the queue has room for.
const SERIES: u64 = 1200;
/// Requests between two looks at a fault that comes and goes.
const PART: u64 = 100;
/// Number of times that such a fault has to come.
const TIMES: u64 = 3;

/// Completes requests while a fault is open, and returns their number. `is_open` is checked before and after the series.
/// A request that waited for the end of the fault would never complete, and the child would be reported as hanging.
///
/// # Panics
///
/// If the fault is not open, a request does not complete, or the counts do not add up.
#[track_caller]
pub fn requests_complete_while(
    child: &mut Child,
    mut is_open: impl FnMut(&mut Child) -> bool,
) -> u64 {
    assert!(is_open(child), "the fault has not begun");
    let before = child.counts();
    before.assert_identity();
    child.must(&format!("calls {SERIES}"));
    let after = child.counts();
    after.assert_identity();
    let ended = |counts: &Counts| counts.started - counts.open;
    assert!(
        ended(&after) >= ended(&before) + SERIES,
        "{before:?}, {after:?}"
    );
    assert!(is_open(child), "the fault ended during the requests");
    SERIES
}

/// Completes requests while another thread of the child does `work` again and again, until that is done several times. For
/// faults that nothing can hold open.
///
/// # Panics
///
/// If requests or the work stop.
#[track_caller]
pub fn requests_complete_beside(child: &mut Child, work: &str) -> u64 {
    let begun = Instant::now();
    let before = child.counts();
    let mut requests = 0;
    child.must(&format!("beside {work}"));
    while child.number("times") < TIMES {
        child.must(&format!("calls {PART}"));
        requests += PART;
        assert!(begun.elapsed() < PATIENCE, "{work:?} does not get on");
    }
    child.must("beside");
    let after = child.counts();
    after.assert_identity();
    assert!(
        after.started >= before.started + requests,
        "{before:?}, {after:?}"
    );
    requests
}
