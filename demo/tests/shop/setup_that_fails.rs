//! A failed start is an error that names the flag, before any traffic.

use std::net::TcpListener;

use crate::common::{demo, stderr, stdout};

#[test]
fn a_taken_port_is_named_with_its_flag() {
    for flag in ["--gateway-port", "--orders-port", "--catalog-port"] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port().to_string();
        let output = demo(&[flag, &port]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = stderr(&output);
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
        assert!(error.contains(flag), "{error}");
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_bad_endpoint_is_named_with_its_flag() {
    for (flag, url) in [
        ("--jaeger", "nonsense"),
        ("--otlp", "localhost:4317"),
        ("--otlp", "ftp://localhost/v1/traces"),
        ("--zipkin", ""),
    ] {
        let output = demo(&[flag, url]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = stderr(&output);
        assert!(error.starts_with(&format!("error: {flag}: ")), "{error}");
        assert_eq!(stdout(&output), "");
    }
}
