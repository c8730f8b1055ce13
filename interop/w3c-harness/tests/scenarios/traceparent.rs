//! What a received `traceparent` does to the trace of the calls made under it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use common::{PARENT, Suite, TRACE};

/// The service goes on with the caller's trace, in a span of its own.
fn goes_on(value: &str) {
    let sent = Suite::start().call(&[("traceparent", value)]);
    assert_eq!(sent.trace_id, TRACE, "{value:?}");
    assert_ne!(sent.parent_id, PARENT, "{value:?}");
}

/// The service starts a new trace, with none of `ids` in it.
fn starts_anew(headers: &[(&str, &str)], ids: &[&str]) {
    let sent = Suite::start().call(headers);
    assert!(!ids.contains(&&*sent.trace_id), "{headers:?}");
    assert_ne!(sent.trace_id, TRACE, "{headers:?}");
}

fn malformed(values: &[String]) {
    for value in values {
        starts_anew(&[("traceparent", value)], &[]);
    }
}

fn with_version(version: &str) -> String {
    format!("{version}-{TRACE}-{PARENT}-01")
}

fn with_trace(trace: &str) -> String {
    format!("00-{trace}-{PARENT}-01")
}

fn with_parent(parent: &str) -> String {
    format!("00-{TRACE}-{parent}-01")
}

fn with_flags(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

#[test]
fn without_headers_a_trace_begins() {
    let sent = Suite::start().call(&[]);
    assert_eq!(sent.tracestate, "");
}

#[test]
fn without_tracestate_the_trace_goes_on() {
    goes_on(&with_flags("01"));
}

#[test]
fn two_traceparents_are_none() {
    let other = "12345678901234567890123456789011";
    let (first, second) = (with_trace(other), with_trace(TRACE));
    let headers = [("traceparent", &*first), ("traceparent", &*second)];
    starts_anew(&headers, &[other]);
}

#[test]
fn similar_header_names_are_not_the_name() {
    for name in ["trace-parent", "trace.parent"] {
        starts_anew(&[(name, &with_flags("01"))], &[]);
    }
}

#[test]
fn the_headers_name_has_no_case() {
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        let sent = Suite::start().call(&[(name, &with_flags("01"))]);
        assert_eq!(sent.trace_id, TRACE, "{name}");
    }
}

#[test]
fn version_00_ends_behind_the_flags() {
    malformed(&[
        with_flags("01."),
        with_flags("01-what-the-future-will-be-like"),
    ]);
}

#[test]
fn a_later_version_is_read_as_far_as_it_is_known() {
    let later = with_version("cc");
    goes_on(&later);
    goes_on(&format!("{later}-what-the-future-will-be-like"));
    malformed(&[format!("{later}.what-the-future-will-be-like")]);
}

#[test]
fn version_ff_is_forbidden() {
    malformed(&[with_version("ff")]);
}

#[test]
fn a_version_of_other_characters() {
    malformed(&[with_version(".0"), with_version("0.")]);
}

#[test]
fn a_version_too_long() {
    malformed(&[with_version("000"), with_version("0000")]);
}

#[test]
fn a_version_too_short() {
    malformed(&[with_version("0")]);
}

#[test]
fn a_trace_id_of_zeros() {
    malformed(&[with_trace(&"0".repeat(32))]);
}

#[test]
fn a_trace_id_of_other_characters() {
    malformed(&[
        with_trace(&format!(".{}", &TRACE[1..])),
        with_trace(&format!("{}.", &TRACE[..31])),
    ]);
}

#[test]
fn a_trace_id_too_long() {
    let long = format!("{TRACE}3");
    starts_anew(&[("traceparent", &with_trace(&long))], &[&long[1..]]);
}

#[test]
fn a_trace_id_too_short() {
    let short = &TRACE[..31];
    starts_anew(
        &[("traceparent", &with_trace(short))],
        &[&format!("0{short}"), &format!("{short}0")],
    );
}

#[test]
fn a_parent_id_of_zeros() {
    malformed(&[with_parent(&"0".repeat(16))]);
}

#[test]
fn a_parent_id_of_other_characters() {
    malformed(&[
        with_parent(&format!(".{}", &PARENT[1..])),
        with_parent(&format!("{}.", &PARENT[..15])),
    ]);
}

#[test]
fn a_parent_id_too_long() {
    malformed(&[with_parent(&format!("{PARENT}7"))]);
}

#[test]
fn a_parent_id_too_short() {
    malformed(&[with_parent(&PARENT[..15])]);
}

#[test]
fn flags_of_other_characters() {
    malformed(&[with_flags(".0"), with_flags("0.")]);
}

#[test]
fn flags_too_long() {
    malformed(&[with_flags("001")]);
}

#[test]
fn flags_too_short() {
    malformed(&[with_flags("1")]);
}

#[test]
fn white_space_around_the_value_is_not_of_it() {
    let value = with_flags("01");
    for (before, behind) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        goes_on(&format!("{before}{value}{behind}"));
    }
}

/// Level 2: whether or not the trace is recorded, here or by the caller.
#[test]
fn the_flag_of_a_random_trace_id_goes_on() {
    let suite = Suite::start();
    for (flags, expected) in [("02", 2), ("03", 3), ("00", 0), ("01", 1), ("ff", 3)] {
        let sent = suite.call(&[("traceparent", &with_flags(flags))]);
        assert_eq!((&*sent.trace_id, sent.flags), (TRACE, expected), "{flags}");
    }
}
