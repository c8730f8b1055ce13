//! How a received `traceparent` affects the trace of the service's calls.

use crate::suite::{PARENT, Suite, TRACE};

/// Asserts that the service continues the caller's trace, in a span of its own.
fn continues(value: &str) {
    let sent = Suite::start().call(&[("traceparent", value)]);
    assert_eq!(sent.trace_id, TRACE, "{value:?}");
    assert_ne!(sent.parent_id, PARENT, "{value:?}");
}

/// Asserts that the service starts a new trace, with none of `ids`.
fn starts_new_trace(headers: &[(&str, &str)], ids: &[&str]) {
    let sent = Suite::start().call(headers);
    assert!(!ids.contains(&&*sent.trace_id), "{headers:?}");
    assert_ne!(sent.trace_id, TRACE, "{headers:?}");
}

fn malformed(values: &[String]) {
    for value in values {
        starts_new_trace(&[("traceparent", value)], &[]);
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
fn without_headers_a_new_trace_starts() {
    let sent = Suite::start().call(&[]);
    assert_eq!(sent.tracestate, "");
}

#[test]
fn without_tracestate_the_trace_is_continued() {
    continues(&with_flags("01"));
}

#[test]
fn two_traceparents_start_a_new_trace() {
    let other = "12345678901234567890123456789011";
    let (first, second) = (with_trace(other), with_trace(TRACE));
    let headers = [("traceparent", &*first), ("traceparent", &*second)];
    starts_new_trace(&headers, &[other]);
}

#[test]
fn similar_header_names_are_ignored() {
    for name in ["trace-parent", "trace.parent"] {
        starts_new_trace(&[(name, &with_flags("01"))], &[]);
    }
}

#[test]
fn the_header_name_is_case_insensitive() {
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        let sent = Suite::start().call(&[(name, &with_flags("01"))]);
        assert_eq!(sent.trace_id, TRACE, "{name}");
    }
}

#[test]
fn version_00_ends_after_the_flags() {
    malformed(&[
        with_flags("01."),
        with_flags("01-what-the-future-will-be-like"),
    ]);
}

#[test]
fn the_known_part_of_a_later_version_is_used() {
    let later = with_version("cc");
    continues(&later);
    continues(&format!("{later}-what-the-future-will-be-like"));
    malformed(&[format!("{later}.what-the-future-will-be-like")]);
}

#[test]
fn each_malformed_field_starts_a_new_trace() {
    let zeros = |count| "0".repeat(count);
    malformed(&[
        // The version.
        with_version("ff"),
        with_version(".0"),
        with_version("0."),
        with_version("000"),
        with_version("0000"),
        with_version("0"),
        // The trace id.
        with_trace(&zeros(32)),
        with_trace(&format!(".{}", &TRACE[1..])),
        with_trace(&format!("{}.", &TRACE[..31])),
        // The parent id.
        with_parent(&zeros(16)),
        with_parent(&format!(".{}", &PARENT[1..])),
        with_parent(&format!("{}.", &PARENT[..15])),
        with_parent(&format!("{PARENT}7")),
        with_parent(&PARENT[..15]),
        // The flags.
        with_flags(".0"),
        with_flags("0."),
        with_flags("001"),
        with_flags("1"),
    ]);
}

#[test]
fn a_long_trace_id_is_not_truncated() {
    let long = format!("{TRACE}3");
    starts_new_trace(&[("traceparent", &with_trace(&long))], &[&long[1..]]);
}

#[test]
fn a_short_trace_id_is_not_padded() {
    let short = &TRACE[..31];
    starts_new_trace(
        &[("traceparent", &with_trace(short))],
        &[&format!("0{short}"), &format!("{short}0")],
    );
}

#[test]
fn white_space_around_the_value_is_ignored() {
    let value = with_flags("01");
    for (before, behind) in [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")] {
        continues(&format!("{before}{value}{behind}"));
    }
}

/// Level 2. Whether or not the trace is recorded.
#[test]
fn the_random_trace_id_flag_is_propagated() {
    let suite = Suite::start();
    for (flags, expected) in [("02", 2), ("03", 3), ("00", 0), ("01", 1), ("ff", 3)] {
        let sent = suite.call(&[("traceparent", &with_flags(flags))]);
        assert_eq!((&*sent.trace_id, sent.flags), (TRACE, expected), "{flags}");
    }
}
