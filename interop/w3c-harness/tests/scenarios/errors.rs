//! Errors of the service, on the command line and in requests.

use std::net::TcpListener;
use std::process::Command;

use crate::suite::Suite;

fn error_of(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_w3c-harness"))
        .args(args)
        .output()
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let error = error_of(&["--port", &port]);
    assert!(
        error.starts_with(&format!("error: --port: can't listen on 127.0.0.1:{port}")),
        "{error}"
    );
}

#[test]
fn bad_arguments_are_errors() {
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
fn a_malformed_request_is_400() {
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
fn a_refused_call_is_502() {
    let closed_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let answer = Suite::start().post(&[], &format!("[{{\"url\":\"http://{closed_port}/\"}}]"));
    assert!(answer.first_line.contains(" 502 "), "{answer:?}");
    assert!(
        answer.body.starts_with(&format!("http://{closed_port}/: ")),
        "{answer:?}"
    );
}
