//! A panic of a gRPC handler is an error of the call, and the connection serves the next call.

use opentelemetry::trace::{SpanKind, Status};

use crate::common::echo::{self, message};
use crate::common::soon;
use crate::common::traces::{Traces, assert_error, assert_fine, int, named, rpc_status};

#[tokio::test]
async fn a_panic_before_the_head_is_an_error() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    soon(client.unary(message("panic", 0))).await.unwrap_err();
    let (failed, server) = traces.pair().await;
    assert_error(&server, "panic");
    assert_eq!(rpc_status(&server), Some("UNKNOWN"));
    assert!(matches!(failed.status, Status::Error { .. }));

    // The connection is still open: only the task of the call has ended.
    client.unary(message("hello", 0)).await.unwrap();
    let spans = traces.all(4).await;
    let served = spans
        .iter()
        .rfind(|span| span.span_kind == SpanKind::Server);
    assert_fine(served.unwrap());
}

#[tokio::test]
async fn a_panic_in_a_stream_is_an_error() {
    let traces = Traces::default();
    let (mut client, echo) = echo::pair(&traces).await;
    let reply = client
        .server_stream(message("wait panic", 2))
        .await
        .unwrap();
    let mut replies = reply.into_inner();
    for _ in 0..2 {
        soon(replies.message()).await.unwrap().unwrap();
    }
    // An earlier reset would overtake the messages.
    echo.gate.open();
    soon(replies.message()).await.unwrap_err();
    let (failed, server) = traces.pair().await;
    assert_error(&server, "panic");
    assert_eq!(int(&server, "lianlu.rpc.response.messages"), Some(2));
    assert!(matches!(failed.status, Status::Error { .. }));

    client.unary(message("hello", 0)).await.unwrap();
    let spans = traces.all(4).await;
    named(&spans[2..3], "lianlu.testing.Echo/Unary");
}

#[tokio::test]
async fn a_panic_in_service_call_is_an_error() {
    let traces = Traces::default();
    let service = tower::service_fn(|_: http::Request<()>| -> std::future::Pending<
        Result<http::Response<String>, std::convert::Infallible>,
    > { panic!("on request") });
    let mut service = tower::Layer::layer(&traces.server(), service);
    let call = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(tower::Service::call(
            &mut service,
            http::Request::post("/a.B/C")
                .header("content-type", "application/grpc")
                .body(())
                .unwrap(),
        ));
    }));
    assert!(call.is_err(), "the panic is passed on");
    assert_error(&traces.all(1).await[0], "panic");
}
