//! What of a received `tracestate` is in the calls made under it.
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

/// So many, ten a line.
fn members(count: usize) -> Vec<String> {
    let members: Vec<_> = (1..=count)
        .map(|number| format!("bar{number:02}={number:02}"))
        .collect();
    members.chunks(10).map(|line| line.join(",")).collect()
}

#[test]
fn without_a_traceparent_it_is_dropped() {
    let suite = Suite::start();
    for state in ["foo=1", "foo=1,bar=2"] {
        assert_eq!(suite.call(&[("tracestate", state)]).tracestate, "");
    }
}

#[test]
fn beside_a_traceparent_it_goes_on() {
    assert_eq!(Suite::start().state(&["foo=1,bar=2"]), "foo=1,bar=2");
}

#[test]
fn similar_header_names_are_not_the_name() {
    let suite = Suite::start();
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    for name in ["trace-state", "trace.state"] {
        let sent = suite.call(&[("traceparent", &traceparent), (name, "foo=1")]);
        assert_eq!(sent.tracestate, "", "{name}");
    }
}

#[test]
fn the_headers_name_has_no_case() {
    let suite = Suite::start();
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        let sent = suite.call(&[("traceparent", &traceparent), (name, "foo=1")]);
        assert_eq!(sent.tracestate, "foo=1", "{name}");
    }
}

#[test]
fn an_empty_line_is_skipped_and_never_sent() {
    let suite = Suite::start();
    assert_eq!(suite.state(&[""]), "");
    assert_eq!(suite.state(&["foo=1", ""]), "foo=1");
    assert_eq!(suite.state(&["", "foo=1"]), "foo=1");
}

#[test]
fn several_lines_are_one_list_in_their_order() {
    let state = Suite::start().state(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"]);
    assert_eq!(state, "foo=1,bar=2,rojo=1,congo=2,baz=3");
}

/// Level 2 leaves it open whether both go on or one of them; Level 1's suite had the list discarded.
#[test]
fn of_two_members_with_one_key_the_first_goes_on() {
    let suite = Suite::start();
    assert_eq!(suite.state(&["foo=1,foo=1"]), "foo=1");
    assert_eq!(suite.state(&["foo=1,foo=2"]), "foo=1");
    assert_eq!(suite.state(&["foo=1", "foo=1"]), "foo=1");
    assert_eq!(suite.state(&["foo=1", "foo=2", "bar=3"]), "foo=1,bar=3");
}

#[test]
fn every_character_that_is_allowed() {
    let suite = Suite::start();
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    for key in [key.to_owned(), format!("{key}@a-z0-9_-*/")] {
        let member = format!("{key}={value}");
        assert_eq!(suite.state(&[&member]), member);
    }
}

#[test]
fn white_space_around_members_is_not_of_them() {
    let suite = Suite::start();
    for state in [
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
    ] {
        assert_eq!(suite.state(&[state]), "foo=1,bar=2,baz=3");
    }
    for state in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        assert_eq!(suite.state(&[state]), "foo=1", "{state:?}");
    }
}

#[test]
fn a_key_of_other_characters_discards_the_list() {
    let suite = Suite::start();
    for state in ["foo =1", "FOO=1", "foo.bar=1", "bar=2,foo =1"] {
        assert_eq!(suite.state(&[state]), "", "{state}");
    }
}

/// In Level 2 the at sign is a character like others, only not the first; in Level 1 there was one at
/// most, between a tenant and a system.
#[test]
fn an_at_sign_may_be_anywhere_but_in_front() {
    let suite = Suite::start();
    assert_eq!(suite.state(&["@foo=1,bar=2"]), "");
    for state in [
        "foo@=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "0@1=1",
    ] {
        assert_eq!(suite.state(&[state]), state);
    }
}

#[test]
fn a_33rd_member_discards_the_list() {
    let suite = Suite::start();
    let fits = members(32);
    let fits: Vec<_> = fits.iter().map(String::as_str).collect();
    assert_eq!(suite.state(&fits), fits.join(","));
    let over = members(33);
    let over: Vec<_> = over.iter().map(String::as_str).collect();
    assert_eq!(suite.state(&over), "");
}

#[test]
fn a_key_of_257_characters_discards_the_list() {
    let suite = Suite::start();
    let (z, t, v) = (|n| "z".repeat(n), |n| "t".repeat(n), |n| "v".repeat(n));
    for key in [
        z(256),
        format!("{}@{}", t(241), v(14)),
        format!("{}@v", t(242)),
        format!("t@{}", v(15)),
    ] {
        let member = format!("{key}=1");
        assert_eq!(suite.state(&["foo=1", &member]), format!("foo=1,{member}"));
    }
    for key in [z(257), format!("{}@{}", t(242), v(14))] {
        assert_eq!(suite.state(&["foo=1", &format!("{key}=1")]), "", "{key}");
    }
}

#[test]
fn a_value_of_other_characters_or_none_discards_the_list() {
    let suite = Suite::start();
    for state in ["foo=bar=baz", "foo=,bar=3", "bar=3,foo="] {
        assert_eq!(suite.state(&[state]), "", "{state}");
    }
}
