//! Unary, client stream, server stream and bidi calls: one span on each side, with messages
//! counted.

use opentelemetry_sdk::trace::SpanData;

use crate::common::echo::{self, message, size};
use crate::common::traces::{Traces, assert_fine, assert_root, int, rpc_status};

/// Asserts the two spans of a successful call: messages and bytes of the request and the response.
async fn check(traces: &Traces, method: &str, request: (i64, i64), response: (i64, i64)) {
    let (client, server) = traces.pair().await;
    assert_root(&client);
    for span in [&client, &server] {
        assert_eq!(span.name, format!("lianlu.testing.Echo/{method}"));
        assert_eq!(rpc_status(span), Some("OK"));
        assert_fine(span);
        assert_eq!(counts(span), (request, response), "{span:#?}");
    }
}

fn counts(span: &SpanData) -> ((i64, i64), (i64, i64)) {
    let count = |key: &str| int(span, key).unwrap_or(-1);
    (
        (
            count("lianlu.rpc.request.messages"),
            count("lianlu.rpc.request.bytes"),
        ),
        (
            count("lianlu.rpc.response.messages"),
            count("lianlu.rpc.response.bytes"),
        ),
    )
}

#[tokio::test]
async fn a_unary_call_counts_one_message_each_way() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.unary(message("hello", 3)).await.unwrap();
    assert_eq!(reply.get_ref().text, "hello");
    check(
        &traces,
        "Unary",
        (1, size("hello", 3)),
        (1, size("hello", 0)),
    )
    .await;
}

#[tokio::test]
async fn an_empty_message_counts_with_0_bytes() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.unary(message("", 0)).await.unwrap();
    check(&traces, "Unary", (1, 0), (1, 0)).await;
}

#[tokio::test]
async fn a_message_of_many_frames_counts_once() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    // HTTP/2 frames have at most 16 kB here.
    let long = "x".repeat(1_000_000);
    client.unary(message(&long, 0)).await.unwrap();
    let bytes = 1_000_000 + 1 + 3;
    check(&traces, "Unary", (1, bytes), (1, bytes)).await;
}

#[tokio::test]
async fn a_client_stream_counts_its_requests() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let requests = tokio_stream::iter([message("a", 0), message("bc", 0), message("def", 1)]);
    let reply = client.client_stream(requests).await.unwrap();
    assert_eq!(reply.get_ref().text, "a,bc,def");
    let bytes = size("a", 0) + size("bc", 0) + size("def", 1);
    check(
        &traces,
        "ClientStream",
        (3, bytes),
        (1, size("a,bc,def", 0)),
    )
    .await;
}

#[tokio::test]
async fn an_empty_client_stream_counts_no_request() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    client.client_stream(tokio_stream::empty()).await.unwrap();
    check(&traces, "ClientStream", (0, 0), (1, 0)).await;
}

#[tokio::test]
async fn a_server_stream_counts_its_responses() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.server_stream(message("tick", 4)).await.unwrap();
    let mut replies = reply.into_inner();
    for _ in 0..4 {
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.text, "tick");
    }
    assert_eq!(replies.message().await.unwrap(), None);
    check(
        &traces,
        "ServerStream",
        (1, size("tick", 4)),
        (4, 4 * size("tick", 0)),
    )
    .await;
}

#[tokio::test]
async fn an_empty_server_stream_counts_no_response() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let reply = client.server_stream(message("tick", 0)).await.unwrap();
    assert_eq!(reply.into_inner().message().await.unwrap(), None);
    check(&traces, "ServerStream", (1, size("tick", 0)), (0, 0)).await;
}

#[tokio::test]
async fn a_bidi_call_counts_both_directions() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    let (send, requests) = tokio::sync::mpsc::channel(1);
    let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
    let mut replies = client.bidi(requests).await.unwrap().into_inner();
    for text in ["ping", "pong", "ping again"] {
        send.send(message(text, 0)).await.unwrap();
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!(reply.text, text);
        assert_eq!(traces.finished().len(), 0, "the call is open");
    }
    drop(send);
    assert_eq!(replies.message().await.unwrap(), None);
    let bytes = size("ping", 0) + size("pong", 0) + size("ping again", 0);
    check(&traces, "Bidi", (3, bytes), (3, bytes)).await;
}

#[tokio::test]
async fn concurrent_calls_have_separate_traces() {
    let traces = Traces::default();
    let (client, _) = echo::pair(&traces).await;
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let mut client = client.clone();
            tokio::spawn(async move { client.unary(message(&number.to_string(), 0)).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let spans = traces.all(100).await;
    let mut ids: Vec<_> = spans
        .iter()
        .map(|span| span.span_context.trace_id().to_bytes())
        .collect();
    ids.sort_unstable();
    let (traces_of_two, rest) = ids.as_chunks::<2>();
    assert!(rest.is_empty());
    assert!(traces_of_two.iter().all(|[first, second]| first == second));
    ids.dedup();
    assert_eq!(ids.len(), 50, "each call is a trace of its own");
}
