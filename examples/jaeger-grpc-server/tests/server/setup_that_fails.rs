//! A failed start is an error that names the flag.

use std::net::TcpListener;
use std::process::{Command, Output};

fn server(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jaeger-grpc-server"))
        .args(args)
        .output()
        .unwrap()
}

fn assert_names(output: &Output, flag: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.starts_with(&format!("error: {flag}: ")), "{error}");
}

#[test]
fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = server(&["--addr", &address]);
    assert_names(&output, "--addr");
    assert!(String::from_utf8_lossy(&output.stderr).contains(&address));
}

#[test]
fn a_bad_endpoint_is_named_with_its_flag() {
    for url in ["nonsense", "ftp://localhost/api/traces", ""] {
        let output = server(&["--addr", "127.0.0.1:0", "--collector-endpoint", url]);
        assert_names(&output, "--collector-endpoint");
    }
}
