//! A gRPC handler panics: the call is an error, and the connection serves the next one.

use opentelemetry::trace::{SpanKind, Status};

use crate::common::echo::{self, message};
use crate::common::soon;
use crate::common::traces::{Traces, assert_error, assert_fine, int, named, text};

#[tokio::test]
async fn before_the_head() {
    let traces = Traces::default();
    let (mut client, _) = echo::pair(&traces).await;
    soon(client.unary(message("panic", 0))).await.unwrap_err();
    let (failed, server) = traces.pair().await;
    assert_error(&server, "panic");
    assert_eq!(text(&server, "rpc.response.status_code"), Some("UNKNOWN"));
    assert!(matches!(failed.status, Status::Error { .. }));

    // The same connection; only the call's task is gone.
    client.unary(message("hello", 0)).await.unwrap();
    let spans = traces.all(4).await;
    let served = spans
        .iter()
        .rfind(|span| span.span_kind == SpanKind::Server);
    assert_fine(served.unwrap());
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
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
    // Not earlier: the reset would overtake the messages.
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

/// A panic of the call itself, not of the future that it would have given.
#[tokio::test]
async fn before_there_is_a_future() {
    let traces = Traces::default();
    let service = tower::service_fn(|_: http::Request<()>| -> std::future::Pending<
        Result<http::Response<String>, std::convert::Infallible>,
    > { panic!("told to") });
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
    assert!(call.is_err(), "the panic goes on");
    assert_error(&traces.all(1).await[0], "panic");
}
