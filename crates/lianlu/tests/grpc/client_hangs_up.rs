//! A gRPC client drops its call: before the response head, or in the middle of a stream.

use crate::common::echo::{self, message};
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_cancelled, int, rpc_status};

#[tokio::test]
async fn before_the_head_both_spans_are_cancelled() {
    let traces = Traces::default();
    let (mut client, echo) = echo::pair(&traces).await;
    let call = tokio::spawn(async move { client.unary(message("hang", 0)).await });
    soon(echo.entered.pass()).await;
    assert_eq!((traces.started(), traces.finished().len()), (2, 0));
    call.abort();

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_cancelled(span);
        assert_eq!(rpc_status(span), Some("CANCELLED"));
        assert_eq!(int(span, "lianlu.rpc.request.messages"), Some(1));
        assert_eq!(int(span, "lianlu.rpc.response.messages"), Some(0));
    }
}

#[tokio::test]
async fn a_call_that_is_never_polled_is_cancelled() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), echo::Echo::new(&traces)).await;
    let channel = echo::channel(address).connect().await.unwrap();
    let mut service = tower::Layer::layer(&traces.client(), channel);
    std::future::poll_fn(|cx| {
        tower::Service::<http::Request<tonic::body::Body>>::poll_ready(&mut service, cx)
    })
    .await
    .unwrap();
    let request = http::Request::post(format!("http://{address}/lianlu.testing.Echo/Unary"))
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::empty())
        .unwrap();
    drop(tower::Service::call(&mut service, request));
    assert_cancelled(&traces::client(&traces.finished()));
}

#[tokio::test]
async fn in_a_server_stream_both_spans_are_cancelled() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.server_stream(message("hang", 2)).await.unwrap();
    let mut replies = reply.into_inner();
    for _ in 0..2 {
        replies.message().await.unwrap().unwrap();
    }
    assert_eq!((traces.started(), traces.finished().len()), (2, 0));
    drop(replies);

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_cancelled(span);
        assert_eq!(rpc_status(span), Some("CANCELLED"));
        assert_eq!(int(span, "lianlu.rpc.response.messages"), Some(2));
    }
}

#[tokio::test]
async fn in_a_client_stream_the_client_span_is_cancelled() {
    let traces = Traces::default();
    let (mut client, echo) = echo::pair(&traces).await;
    let (send, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let call = tokio::spawn(async move { client.client_stream(requests).await });
    send.send(message("one", 0)).await.unwrap();
    soon(echo.entered.pass()).await;
    call.abort();

    let (client, server) = traces.pair().await;
    assert_cancelled(&client);
    assert_eq!(rpc_status(&client), Some("CANCELLED"));
    // The server sees either its future dropped or an error of the request.
    assert_ne!(rpc_status(&server), Some("OK"));
}

#[tokio::test]
async fn in_a_bidi_call_the_client_span_is_cancelled_at_once() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let (send, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut replies = client.bidi(requests).await.unwrap().into_inner();
    send.send(message("ping", 0)).await.unwrap();
    replies.message().await.unwrap().unwrap();
    drop(replies);

    let client = traces::client(&traces.finished());
    assert_cancelled(&client);
    assert_eq!(int(&client, "lianlu.rpc.request.messages"), Some(1));
    assert_eq!(int(&client, "lianlu.rpc.response.messages"), Some(1));
    // HTTP/2 resets the stream when the request ends too.
    drop(send);
    traces.pair().await;
}

#[tokio::test]
async fn a_thousand_dropped_calls_leave_no_open_span() {
    let traces = Traces::default();
    let (client, echo) = echo::pair(&traces).await;
    for _ in 0..20 {
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let mut client = client.clone();
                tokio::spawn(async move { client.unary(message("hang", 0)).await })
            })
            .collect();
        for call in calls {
            soon(echo.entered.pass()).await;
            call.abort();
        }
    }
    let spans = traces.all(2000).await;
    assert_eq!(traces.open(), 0);
    let clients = spans
        .iter()
        .filter(|span| span.span_kind == opentelemetry::trace::SpanKind::Client);
    assert_eq!(clients.clone().count(), 1000);
    clients.for_each(assert_cancelled);
}
