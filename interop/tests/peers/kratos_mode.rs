//! Spans in Kratos mode equal Kratos's own for the same call, in each attribute.

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lianlu::kratos::{Operation, PathTemplate};
use lianlu_interop::greeter::Lianlu;
use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::kratos::{Kratos, call};
use lianlu_interop::peers::peers;
use lianlu_interop::pipeline::Pipeline;
use lianlu_interop::trace::{Span, Tags};
use opentelemetry::trace::{TraceContextExt, Tracer};
use tower::{Service, ServiceBuilder, ServiceExt};

/// Both servers have the same name, so that replies have the same length.
const SERVER: &str = "greeter";

/// Asserts that two spans are equal except for the values of `varying` keys.
fn assert_equal(ours: &Span, theirs: &Span, varying: &[&str]) {
    assert_eq!(ours.name, theirs.name);
    let settle = |tags: &Tags| {
        let mut tags = tags.clone();
        for key in varying {
            if let Some((_, value)) = tags.get_mut(*key) {
                *value = "varies".into();
            }
        }
        tags
    };
    assert_eq!(
        settle(&ours.tags),
        settle(&theirs.tags),
        "{} of {}",
        ours.text("span.kind"),
        ours.name
    );
    let logs = |span: &Span| span.logs.iter().map(settle).collect::<Vec<_>>();
    assert_eq!(logs(ours), logs(theirs));
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_spans_equal_those_of_kratos() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let kratos = Kratos::serve(&peers, &jaeger, SERVER, None);
    let (client, server) = (
        Pipeline::of_service(&jaeger, "caller"),
        Pipeline::of_service(&jaeger, SERVER),
    );
    let target = Lianlu::new(&server, SERVER, None)
        .kratos()
        .serve_grpc()
        .await
        .to_string();
    let caller = Lianlu::new(&client, "caller", None).kratos();

    for (name, error) in [("world", ""), ("boom", "boom")] {
        let theirs = call(&peers, &jaeger, "grpc", &kratos.grpc, &[], name);
        let theirs = jaeger.trace(&theirs.trace_id, 2);

        let tracer = client.tracer("test");
        let root = opentelemetry::Context::new().with_span(tracer.start("root"));
        let trace_id = root.span().span_context().trace_id().to_string();
        let reply = {
            use opentelemetry::context::FutureExt;
            caller
                .call_grpc(&target, name)
                .with_context(root.clone())
                .await
        };
        assert_eq!(
            reply.map_or_else(|status| status.message().to_owned(), |_| String::new()),
            error
        );
        root.span().end();
        client.flush();
        server.flush();
        let ours = jaeger.trace(&trace_id, 3);

        for (service, kind) in [("caller", "client"), (SERVER, "server")] {
            // The port differs in each run.
            assert_equal(
                ours.span(service, kind),
                theirs.span(service, kind),
                &["net.peer.port"],
            );
        }
    }
}

/// Without message sizes, which are unknown over HTTP, and the reason, message and Go type of an
/// error, which are in a body that the layer does not read.
#[tokio::test(flavor = "multi_thread")]
async fn http_spans_equal_those_of_kratos() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let kratos = Kratos::serve(&peers, &jaeger, SERVER, None);
    let (client, server) = (
        Pipeline::of_service(&jaeger, "caller"),
        Pipeline::of_service(&jaeger, SERVER),
    );
    let target = Lianlu::new(&server, SERVER, None)
        .kratos()
        .serve_http()
        .await
        .to_string();
    let caller = Lianlu::new(&client, "caller", None).kratos();

    for name in ["world", "boom"] {
        let theirs = call(&peers, &jaeger, "http", &kratos.http, &[], name);
        let theirs = jaeger.trace(&theirs.trace_id, 2);

        let trace_id = call_with_operation(&caller, &target, name).await;
        client.flush();
        server.flush();
        let ours = jaeger.trace(&trace_id, 2);

        for (service, kind) in [("caller", "client"), (SERVER, "server")] {
            let mut theirs = theirs.span(service, kind).clone();
            theirs.tags.remove("recv_msg.size");
            theirs.tags.remove("send_msg.size");
            let varying = [
                "net.peer.port",
                "otel.status_description",
                "exception.message",
                "exception.type",
            ];
            assert_equal(ours.span(service, kind), &theirs, &varying);
        }
    }
}

/// Calls with an operation and a path template, as Kratos's generated client. Returns the trace id.
async fn call_with_operation(caller: &Lianlu, target: &str, name: &str) -> String {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut client = ServiceBuilder::new()
        .layer(caller.client.clone())
        .service(client);
    let request = http::Request::get(format!("http://{target}/helloworld/{name}"))
        .extension(Operation("/helloworld.Greeter/SayHello".into()))
        .extension(PathTemplate("/helloworld/{name}".into()))
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    let trace_id = response.headers()["x-trace-id"]
        .to_str()
        .unwrap()
        .to_owned();
    let _ = response.into_body().collect().await.unwrap();
    trace_id
}
