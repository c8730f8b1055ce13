//! How a received `tracestate` is propagated to the service's calls.

use crate::suite::{PARENT, Suite, TRACE};

/// `count` members, ten on a line.
fn members(count: usize) -> Vec<String> {
    let members: Vec<_> = (1..=count)
        .map(|number| format!("bar{number:02}={number:02}"))
        .collect();
    members.chunks(10).map(|line| line.join(",")).collect()
}

#[test]
fn it_is_dropped_without_a_traceparent() {
    let suite = Suite::start();
    for state in ["foo=1", "foo=1,bar=2"] {
        assert_eq!(suite.call(&[("tracestate", state)]).tracestate, "");
    }
}

#[test]
fn it_is_propagated_with_a_traceparent() {
    assert_eq!(Suite::start().state(&["foo=1,bar=2"]), "foo=1,bar=2");
}

#[test]
fn similar_header_names_are_ignored() {
    let suite = Suite::start();
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    for name in ["trace-state", "trace.state"] {
        let sent = suite.call(&[("traceparent", &traceparent), (name, "foo=1")]);
        assert_eq!(sent.tracestate, "", "{name}");
    }
}

#[test]
fn the_header_name_is_case_insensitive() {
    let suite = Suite::start();
    let traceparent = format!("00-{TRACE}-{PARENT}-00");
    for name in ["TraceState", "TrAcEsTaTe", "TRACESTATE"] {
        let sent = suite.call(&[("traceparent", &traceparent), (name, "foo=1")]);
        assert_eq!(sent.tracestate, "foo=1", "{name}");
    }
}

#[test]
fn empty_lines_are_skipped_and_not_sent() {
    let suite = Suite::start();
    assert_eq!(suite.state(&[""]), "");
    assert_eq!(suite.state(&["foo=1", ""]), "foo=1");
    assert_eq!(suite.state(&["", "foo=1"]), "foo=1");
}

#[test]
fn several_lines_are_joined_in_order() {
    let state = Suite::start().state(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"]);
    assert_eq!(state, "foo=1,bar=2,rojo=1,congo=2,baz=3");
}

/// Level 2 allows one or both to be propagated; Level 1's suite required the list to be discarded.
#[test]
fn the_first_of_two_members_with_one_key_is_propagated() {
    let suite = Suite::start();
    assert_eq!(suite.state(&["foo=1,foo=1"]), "foo=1");
    assert_eq!(suite.state(&["foo=1,foo=2"]), "foo=1");
    assert_eq!(suite.state(&["foo=1", "foo=1"]), "foo=1");
    assert_eq!(suite.state(&["foo=1", "foo=2", "bar=3"]), "foo=1,bar=3");
}

#[test]
fn every_allowed_character_is_propagated() {
    let suite = Suite::start();
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
    for key in [key.to_owned(), format!("{key}@a-z0-9_-*/")] {
        let member = format!("{key}={value}");
        assert_eq!(suite.state(&[&member]), member);
    }
}

#[test]
fn white_space_around_members_is_removed() {
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
fn a_bad_character_in_a_key_discards_the_list() {
    let suite = Suite::start();
    for state in ["foo =1", "FOO=1", "foo.bar=1", "bar=2,foo =1"] {
        assert_eq!(suite.state(&[state]), "", "{state}");
    }
}

/// Level 1 allowed one at sign, between a tenant and a system.
#[test]
fn an_at_sign_is_allowed_except_at_the_start() {
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
fn a_bad_or_empty_value_discards_the_list() {
    let suite = Suite::start();
    for state in ["foo=bar=baz", "foo=,bar=3", "bar=3,foo="] {
        assert_eq!(suite.state(&[state]), "", "{state}");
    }
}
