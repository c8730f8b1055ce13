//! Spans that are made inside a call are children of the call's span.

use ::http::Request;
use axum::Router;
use axum::body::Body;
use http_body_util::StreamBody;
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt};
use opentelemetry_sdk::trace::Sampler;
use tokio_stream::StreamExt;
use tower::ServiceExt;

use crate::common::echo::{self, message};
use crate::common::http::{self as net, Step, VERSIONS, response, scripted};
use crate::common::traces::{self, Traces, assert_child, assert_root, named};
use crate::common::{Gate, soon};

#[tokio::test]
async fn in_a_grpc_handler() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("child", 0)).await.unwrap();
    let spans = traces.all(4).await;
    let server = traces::server(&spans);
    assert_child(&server, &traces::client(&spans));
    assert_child(&named(&spans, "before await"), &server);
    assert_child(&named(&spans, "after await"), &server);
}

#[tokio::test]
async fn in_a_grpc_response_stream() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    echo::drain(client.server_stream(message("child", 1)).await.unwrap()).await;
    let spans = traces.all(4).await;
    let server = traces::server(&spans);
    assert_child(&named(&spans, "before await"), &server);
    assert_child(&named(&spans, "after await"), &server);
}

#[tokio::test]
async fn in_a_grpc_client_stream() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let maker = traces.clone();
    let requests = tokio_stream::iter(0..2).then(move |number| {
        let maker = maker.clone();
        async move {
            tokio::task::yield_now().await;
            maker.child(["first", "second"][number]);
            message("hello", 0)
        }
    });
    client.client_stream(requests).await.unwrap();
    let spans = traces.all(4).await;
    let client = traces::client(&spans);
    assert_root(&client);
    assert_child(&named(&spans, "first"), &client);
    assert_child(&named(&spans, "second"), &client);
}

/// An unsampled call is current too, so that its children are not sampled as roots.
#[tokio::test]
async fn in_the_streams_of_an_unsampled_grpc_call() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
    let traces = Traces::with_sampler(sampler);
    let (mut client, _) = echo::pair(&traces).await;
    let (send, seen) = tokio::sync::mpsc::unbounded_channel();
    let requests = tokio_stream::iter(0..2).map(move |_| {
        let span = opentelemetry::Context::current()
            .span()
            .span_context()
            .clone();
        send.send(span).unwrap();
        message("child", 0)
    });
    client.client_stream(requests).await.unwrap();
    let seen: Vec<_> = tokio_stream::wrappers::UnboundedReceiverStream::new(seen)
        .collect()
        .await;
    assert_eq!(seen.len(), 2);
    for span in &seen {
        assert!(span.is_valid() && !span.is_sampled(), "{span:?}");
        assert_eq!(span.trace_id(), seen[0].trace_id());
    }
    assert_eq!(traces.started(), 0);
}

#[tokio::test]
async fn in_an_http_handler() {
    for version in VERSIONS {
        let traces = Traces::default();
        let maker = traces.clone();
        let address = net::serve_root(traces.server(), async move || {
            maker.child("before await");
            tokio::task::yield_now().await;
            maker.child("after await");
        })
        .await;
        let client = net::connect(traces.client(), version);
        net::fetch(&client, address, "/").await;
        let spans = traces.all(4).await;
        let server = traces::server(&spans);
        assert_child(&server, &traces::client(&spans));
        assert_child(&named(&spans, "before await"), &server);
        assert_child(&named(&spans, "after await"), &server);
    }
}

#[tokio::test]
async fn in_an_http_response_stream() {
    for version in VERSIONS {
        let traces = Traces::default();
        let gate = Gate::default();
        let (wait, maker) = (gate.clone(), traces.clone());
        let address = net::serve_root(traces.server(), async move || {
            let [first, second] = [maker.clone(), maker];
            let body = scripted([
                Step::Run(Box::new(move || first.child("before await"))),
                Step::Data("hel"),
                Step::Wait(wait),
                Step::Run(Box::new(move || second.child("after await"))),
                Step::Data("lo"),
            ]);
            response(None, body)
        })
        .await;
        let client = net::connect(traces.client(), version);
        let response = net::get(&client, address, "/").await.unwrap();
        gate.open();
        assert_eq!(net::read(response).await.unwrap(), "hello");
        let spans = traces.all(4).await;
        let server = traces::server(&spans);
        assert_child(&named(&spans, "before await"), &server);
        assert_child(&named(&spans, "after await"), &server);
    }
}

/// The handler reads the body of the request.
#[tokio::test]
async fn while_an_http_handler_reads_the_request() {
    let traces = Traces::default();
    let maker = traces.clone();
    let address = net::serve_root(traces.server(), async move |body: axum::body::Bytes| {
        maker.child("after the body");
        body
    })
    .await;
    let client = net::connect(traces.client(), ::http::Version::HTTP_11);
    let pieces = tokio_stream::iter(["hel", "lo"].map(|piece| {
        Ok::<_, std::io::Error>(http_body::Frame::data(bytes::Bytes::from_static(
            piece.as_bytes(),
        )))
    }));
    let request = Request::post(format!("http://{address}/"))
        .body(Body::new(StreamBody::new(pieces)))
        .unwrap();
    let response = soon(client.oneshot(request)).await.unwrap();
    assert_eq!(net::read(response).await.unwrap(), "hello");
    let spans = traces.all(3).await;
    assert_child(&named(&spans, "after the body"), &traces::server(&spans));
}

#[tokio::test]
async fn client_spans_are_children_of_the_current_span() {
    let traces = Traces::default();
    let (mut grpc, _) = echo::pair(&traces).await;
    let address = net::serve(Router::new()).await;
    let hyper = net::connect(traces.client(), ::http::Version::HTTP_11);
    let reqwest = net::reqwest(traces.client());
    let root = traces.root("root");
    async {
        grpc.unary(message("hello", 0)).await.unwrap();
        net::get(&hyper, address, "/").await.unwrap();
        let request = net::reqwest_get(&format!("http://{address}/"));
        reqwest.oneshot(request).await.unwrap();
    }
    .with_context(root.clone())
    .await;
    root.span().end();
    let spans = traces.all(5).await;
    let root = named(&spans, "root");
    let clients = traces::of_kind(&spans, &SpanKind::Client);
    assert_eq!(clients.len(), 3);
    for client in clients {
        assert_child(&client, &root);
    }
}

#[tokio::test]
async fn the_context_is_restored_after_the_call_or_a_panic() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("hello", 0)).await.unwrap();
    soon(client.unary(message("panic", 0))).await.unwrap_err();
    assert!(!opentelemetry::Context::current().has_active_span());
    client.unary(message("hello", 0)).await.unwrap();
    for client in traces::of_kind(&traces.all(6).await, &SpanKind::Client) {
        assert_root(&client);
    }
}
