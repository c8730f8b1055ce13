//! Several calls in one request are in one trace, with a span each.

use std::collections::HashSet;

use crate::suite::{PARENT, Suite, TRACE};

/// The trace ids of three calls. Asserts different parent ids.
fn three_calls(headers: &[(&str, &str)]) -> Vec<String> {
    let calls = Suite::start().calls(headers, 3);
    let parents: HashSet<_> = calls.iter().map(|call| call.parent_id.as_str()).collect();
    assert_eq!(parents.len(), 3, "{calls:?}");
    calls.into_iter().map(|call| call.trace_id).collect()
}

#[test]
fn all_calls_are_in_the_callers_trace() {
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    assert_eq!(three_calls(&[("traceparent", &traceparent)]), [TRACE; 3]);
}

#[test]
fn without_a_trace_all_calls_are_in_one_new_trace() {
    let traces = three_calls(&[]);
    assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
}

#[test]
fn after_a_malformed_trace_all_calls_are_in_one_new_trace() {
    let zeros = "0".repeat(32);
    let traces = three_calls(&[("traceparent", &format!("00-{zeros}-{PARENT}-01"))]);
    assert!(
        traces
            .iter()
            .all(|trace| *trace == traces[0] && *trace != zeros),
        "{traces:?}"
    );
}
