//! One trace with metadata through services of Kratos and lianlu, over gRPC and over HTTP.

use lianlu_interop::greeter::Lianlu;
use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::kratos::{Kratos, call};
use lianlu_interop::peers::peers;
use lianlu_interop::pipeline::Pipeline;

const CHAIN: [(&str, &str); 6] = [
    ("caller", "client"),
    ("lianlu-a", "server"),
    ("lianlu-a", "client"),
    ("kratos-b", "server"),
    ("kratos-b", "client"),
    ("lianlu-c", "server"),
];

const METADATA: [&str; 6] = [
    "--global",
    "tenant=acme",
    "--local",
    "note=hi",
    "--baggage",
    "user=alice",
];

const REPLY: &str = "Hello world from lianlu-a [x-md-global-tenant=acme x-md-local-note=hi] > \
                     Hello world from kratos-b [x-md-global-tenant=acme] > \
                     Hello world from lianlu-c [x-md-global-tenant=acme]";

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_trace_and_its_metadata_cross_all_services() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let (first, last) = (
        Pipeline::of_service(&jaeger, "lianlu-a"),
        Pipeline::of_service(&jaeger, "lianlu-c"),
    );
    let c = Lianlu::new(&last, "lianlu-c", None)
        .serve_grpc()
        .await
        .to_string();
    let b = Kratos::serve(&peers, &jaeger, "kratos-b", Some(["--next-grpc", &c]));
    let a = Lianlu::new(&first, "lianlu-a", Some(&b.grpc))
        .serve_grpc()
        .await;

    let ok = call(&peers, &jaeger, "grpc", &a.to_string(), &METADATA, "world");
    assert_eq!(ok.message, REPLY, "{ok:?}");
    let boom = call(&peers, &jaeger, "grpc", &a.to_string(), &[], "boom");
    assert_eq!(boom.error, "rpc error: code = Internal desc = boom");
    first.flush();
    last.flush();

    let trace = jaeger.trace(&ok.trace_id, CHAIN.len());
    trace.assert_chain(&CHAIN);
    let server = trace.span("lianlu-a", "server");
    assert_eq!(server.name, "helloworld.Greeter/SayHello");
    assert_eq!(server.text("service.peer.name"), "caller");
    assert_eq!(server.text("rpc.response.status_code"), "OK");
    assert_eq!(
        trace.span("kratos-b", "server").text("peer.service"),
        "lianlu-a"
    );
    assert_eq!(
        trace.span("lianlu-c", "server").text("service.peer.name"),
        "kratos-b"
    );

    let trace = jaeger.trace(&boom.trace_id, CHAIN.len());
    trace.assert_chain(&CHAIN);
    for (service, kind) in CHAIN {
        let span = trace.span(service, kind);
        assert_eq!(span.tag("error"), &true, "{service} {kind}");
        if service.starts_with("lianlu") {
            assert_eq!(span.text("rpc.response.status_code"), "INTERNAL");
            assert_eq!(span.text("otel.status_description"), "boom");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_trace_and_its_metadata_cross_all_services() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let (first, last) = (
        Pipeline::of_service(&jaeger, "lianlu-a"),
        Pipeline::of_service(&jaeger, "lianlu-c"),
    );
    let c = Lianlu::new(&last, "lianlu-c", None).serve_http().await;
    let next = format!("http://{c}");
    let b = Kratos::serve(&peers, &jaeger, "kratos-b", Some(["--next-http", &next]));
    let a = Lianlu::new(&first, "lianlu-a", Some(&b.http))
        .serve_http()
        .await;

    let ok = call(&peers, &jaeger, "http", &a.to_string(), &METADATA, "world");
    assert_eq!(ok.message, REPLY, "{ok:?}");
    let boom = call(&peers, &jaeger, "http", &a.to_string(), &[], "boom");
    assert!(boom.error.contains("code = 500"), "{boom:?}");
    first.flush();
    last.flush();

    let trace = jaeger.trace(&ok.trace_id, CHAIN.len());
    trace.assert_chain(&CHAIN);
    let server = trace.span("lianlu-a", "server");
    assert_eq!(server.name, "GET /helloworld/{name}");
    assert_eq!(server.text("http.route"), "/helloworld/{name}");
    assert_eq!(server.tag("http.response.status_code"), &200);
    assert_eq!(server.text("service.peer.name"), "caller");
    assert_eq!(
        trace.span("kratos-b", "server").text("peer.service"),
        "lianlu-a"
    );

    let trace = jaeger.trace(&boom.trace_id, CHAIN.len());
    trace.assert_chain(&CHAIN);
    for (service, kind) in CHAIN {
        let span = trace.span(service, kind);
        assert_eq!(span.tag("error"), &true, "{service} {kind}");
        if service.starts_with("lianlu") {
            assert_eq!(span.text("error.type"), "500");
        }
    }
}
