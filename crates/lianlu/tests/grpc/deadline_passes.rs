//! A gRPC call whose deadline has passed is `DEADLINE_EXCEEDED`; one that is dropped earlier is
//! not.

use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use tonic::Code;
use tower::{Service, ServiceExt};

use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::soon;
use crate::common::traces::{self, Traces, assert_cancelled, assert_error, rpc_status};

/// Calls `Echo/Unary` with a client that does not enforce the deadline itself.
async fn call_raw(
    address: std::net::SocketAddr,
    timeout: &str,
    message: &'static [u8],
) -> http::Response<hyper::body::Incoming> {
    let mut request = net::grpc_request(address, "/lianlu.testing.Echo/Unary");
    let timeout = http::HeaderValue::from_str(timeout).unwrap();
    request.headers_mut().insert("grpc-timeout", timeout);
    *request.body_mut() = message.into();
    net::send(http::Version::HTTP_2, request).await
}

#[tokio::test]
async fn it_is_exceeded_on_the_server() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), Echo::new(&traces)).await;
    call_raw(address, "20m", b"\0\0\0\0\x06\x0a\x04hang").await;
    let span = traces::server(&traces.all(1).await);
    assert_eq!(rpc_status(&span), Some("DEADLINE_EXCEEDED"));
    assert_error(&span, "DEADLINE_EXCEEDED");
}

#[tokio::test]
async fn it_is_exceeded_on_the_client() {
    let traces = Traces::default();
    // Without a server layer: which side notices first is a race.
    let (listener, address) = crate::common::listen().await;
    let echo = lianlu_protos::testing::echo_server::EchoServer::new(Echo::default());
    let server = tonic::transport::Server::builder().add_service(echo);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(server.serve_with_incoming(incoming));

    let mut client = echo::connect(traces.client(), address).await;
    let mut request = tonic::Request::new(message("hang", 0));
    request.set_timeout(Duration::from_millis(20));
    soon(client.unary(request)).await.unwrap_err();
    let span = traces::client(&traces.all(1).await);
    assert_eq!(rpc_status(&span), Some("DEADLINE_EXCEEDED"));
    assert_error(&span, "DEADLINE_EXCEEDED");
}

/// An outer layer that enforces the deadline only drops the future.
#[tokio::test]
async fn a_future_dropped_after_its_deadline_has_exceeded_it() {
    let traces = Traces::default();
    for (timeout, code) in [("10m", "DEADLINE_EXCEEDED"), ("1H", "CANCELLED")] {
        let service = tower::service_fn(|_: Request<()>| {
            std::future::pending::<Result<http::Response<String>, std::convert::Infallible>>()
        });
        let mut service = tower::Layer::layer(&traces.server(), service);
        let request = Request::post("/lianlu.testing.Echo/Unary")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", timeout)
            .body(())
            .unwrap();
        let call = service.ready().await.unwrap().call(request);
        tokio::time::timeout(Duration::from_millis(30), call)
            .await
            .unwrap_err();
        let span = traces.finished().pop().unwrap();
        assert_eq!(rpc_status(&span), Some(code));
        match code {
            "CANCELLED" => assert_cancelled(&span),
            _ => drop(assert_error(&span, code)),
        }
    }
}

#[tokio::test]
async fn a_call_dropped_before_its_deadline_is_cancelled() {
    let traces = Traces::default();
    let (mut client, echo) = echo::pair(&traces).await;
    let mut request = tonic::Request::new(message("hang", 0));
    request.set_timeout(Duration::from_secs(3600));
    let call = tokio::spawn(async move { client.unary(request).await });
    soon(echo.entered.pass()).await;
    call.abort();
    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_cancelled(span);
        assert_eq!(rpc_status(span), Some("CANCELLED"));
    }
}

#[tokio::test]
async fn a_malformed_deadline_is_ignored() {
    let traces = Traces::default();
    let address = echo::serve(traces.server(), Echo::new(&traces)).await;
    for timeout in ["soon", "", "1", "S", "-1S", "999999999S", "1\u{e9}"] {
        let response = call_raw(address, timeout, b"\0\0\0\0\x04\x0a\x02hi").await;
        let body = soon(response.into_body().collect()).await.unwrap();
        let status = body.trailers().unwrap()["grpc-status"].clone();
        assert_eq!(status, (Code::Ok as i32).to_string(), "{timeout}");
    }
    for span in traces.all(7).await {
        traces::assert_fine(&span);
    }
}
