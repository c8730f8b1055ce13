//! The examples `jaeger-grpc-server` and `jaeger-grpc-client`, with the real Jaeger.
//!
//! With lianlu's provider only, which the examples use.

use std::process::{Command, Stdio};

use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::kratos::call;
use lianlu_interop::peers::peers;
use lianlu_interop::process::{Process, workspace_binary};
use lianlu_interop::trace::Trace;

/// Starts the server, and returns it with its address.
fn serve(jaeger: &Jaeger) -> (Process, String) {
    let mut server = Process::start(
        Command::new(workspace_binary("jaeger-grpc-server"))
            .args(["--addr", "127.0.0.1:0"])
            .args(["--collector-endpoint", &jaeger.collector()])
            .stdout(Stdio::piped()),
    );
    let address = server.wait_for_line("listening on ");
    (server, address)
}

fn check_process(trace: &Trace) {
    for span in &trace.spans {
        assert_eq!(span.service, "kratos-trace");
        let process = &span.process_tags;
        assert_eq!(process["exporter"], ("string".to_owned(), "jaeger".into()));
        assert_eq!(process["float"], ("float64".to_owned(), 312.23.into()));
    }
}

fn greet(jaeger: &Jaeger, address: &str, name: &str) -> std::process::Output {
    Command::new(workspace_binary("jaeger-grpc-client"))
        .args(["--addr", address, "--name", name])
        .args(["--collector-endpoint", &jaeger.collector()])
        .output()
        .unwrap()
}

#[test]
fn client_and_server_make_one_trace() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let (server, address) = serve(&jaeger);
    let client = greet(&jaeger, &address, "ann");
    assert!(client.status.success(), "{client:?}");
    assert!(
        String::from_utf8_lossy(&client.stdout).contains("Hello ann"),
        "{client:?}"
    );
    // Stopped before its batch is due, so that the spans were flushed at the end.
    assert!(server.terminate().success());

    let trace = jaeger.trace_of("kratos-trace", 2);
    trace.assert_chain(&[("kratos-trace", "client"), ("kratos-trace", "server")]);
    check_process(&trace);
    for span in &trace.spans {
        assert_eq!(span.name, "helloworld.Greeter/SayHello");
        assert_eq!(span.text("rpc.response.status_code"), "OK");
    }
}

#[test]
fn boom_is_an_error_on_both_sides() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let (server, address) = serve(&jaeger);
    let _ = greet(&jaeger, &address, "boom");
    assert!(server.terminate().success());

    let trace = jaeger.trace_of("kratos-trace", 2);
    check_process(&trace);
    for span in &trace.spans {
        assert_eq!(span.tag("error"), &true);
        assert_eq!(span.text("rpc.response.status_code"), "INTERNAL");
        assert_eq!(span.text("otel.status_description"), "boom");
    }
}

#[test]
fn a_kratos_client_can_call_the_server() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let (server, address) = serve(&jaeger);
    let called = call(&peers, &jaeger, "grpc", &address, &[], "go");
    assert_eq!(
        (called.message.as_str(), called.error.as_str()),
        ("Hello go", "")
    );
    assert!(server.terminate().success());
    let trace = jaeger.trace(&called.trace_id, 2);
    trace.assert_chain(&[("caller", "client"), ("kratos-trace", "server")]);
}
