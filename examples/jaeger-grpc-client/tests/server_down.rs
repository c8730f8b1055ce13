//! Without a server the client fails, and prints what to do.

use std::net::TcpListener;
use std::process::Command;

#[test]
fn an_unreachable_server_is_an_error_that_names_the_flag() {
    // A port that was free a moment ago.
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let output = Command::new(env!("CARGO_BIN_EXE_jaeger-grpc-client"))
        .args(["--addr", &address])
        .args([
            "--collector-endpoint",
            &format!("http://{address}/api/traces"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("error: SayHello: Unavailable"), "{error}");
    assert!(
        error.contains(&address) && error.contains("--addr"),
        "{error}"
    );
    // The span of the failed call is counted as lost.
    assert!(error.contains("spans are being lost"), "{error}");
}
