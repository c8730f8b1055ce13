//! Several calls within one request: one trace, and a span for each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::collections::HashSet;

use common::{PARENT, Suite, TRACE};

/// The trace ids of three calls, whose parent ids all differ.
fn three_calls(headers: &[(&str, &str)]) -> Vec<String> {
    let calls = Suite::start().calls(headers, 3);
    let parents: HashSet<_> = calls.iter().map(|call| call.parent_id.as_str()).collect();
    assert_eq!(parents.len(), 3, "{calls:?}");
    calls.into_iter().map(|call| call.trace_id).collect()
}

#[test]
fn within_a_trace_all_are_of_it() {
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(three_calls(&[("traceparent", &traceparent)]), [TRACE; 3]);
}

#[test]
fn without_a_trace_a_new_one_begins_for_all() {
    let traces = three_calls(&[]);
    assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
}

#[test]
fn after_a_malformed_trace_a_new_one_begins_for_all() {
    let zeros = "0".repeat(32);
    let traces = three_calls(&[("traceparent", &format!("00-{zeros}-{PARENT}-01"))]);
    assert!(
        traces
            .iter()
            .all(|trace| *trace == traces[0] && *trace != zeros),
        "{traces:?}"
    );
}
