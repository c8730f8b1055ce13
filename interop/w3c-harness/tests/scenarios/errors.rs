//! What can't be done is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::net::TcpListener;
use std::process::Command;

use common::Suite;

fn error_of(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_w3c-harness"))
        .args(args)
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = error_of(&["--port", &port]);
    assert!(
        error.starts_with(&format!("error: --port: can't listen on 127.0.0.1:{port}")),
        "{error}"
    );
}

#[test]
fn arguments_that_are_none() {
    for args in [
        &["--port", "x"][..],
        &["--port", "65536"],
        &["--porto", "1"],
        &["7777"],
    ] {
        let error = error_of(args);
        assert!(error.starts_with("error: "), "{error}");
        assert!(
            error.contains(args[args.len() - 1]) || error.contains(args[0]),
            "{error}"
        );
    }
}

#[test]
fn a_request_that_asks_for_nothing_known() {
    let suite = Suite::start();
    for (body, reason) in [
        ("", "the body is not JSON"),
        ("{}", "the body is not a JSON list"),
        ("[{}]", "entry 0: \"url\" is missing"),
        ("[{\"url\": 1}]", "entry 0: \"url\" is missing"),
        ("[{\"url\": \"nowhere\"}]", "entry 0: url \"nowhere\""),
        (
            "[{\"url\": \"file:///etc\"}]",
            "entry 0: url file:///etc: only http",
        ),
    ] {
        let answer = suite.post(&[], body);
        assert!(answer.first_line.contains(" 400 "), "{answer:?}");
        assert!(answer.body.starts_with(reason), "{answer:?}");
    }
}

#[test]
fn a_call_that_nobody_takes() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let answer = Suite::start().post(&[], &format!("[{{\"url\":\"http://{nobody}/\"}}]"));
    assert!(answer.first_line.contains(" 502 "), "{answer:?}");
    assert!(
        answer.body.starts_with(&format!("http://{nobody}/: ")),
        "{answer:?}"
    );
}
