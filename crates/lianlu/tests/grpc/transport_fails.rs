//! gRPC calls whose transport fails: refused connections, broken connections, body errors.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lianlu_protos::testing::EchoMessage;
use tonic::{Code, Streaming};
use tower::ServiceBuilder;

use crate::common::echo::{self, message};
use crate::common::http::{Step, scripted};
use crate::common::traces::{self, Traces, assert_error, attr, int, rpc_status};
use crate::common::{Gate, closed_port, http as net, listen, soon};

/// A framed message, `hello`.
const FRAME: &str = "\0\0\0\0\x07\x0a\x05hello";

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let traces = Traces::default();
    let mut client = echo::connect_lazily(traces.client(), closed_port().await);
    let call = soon(client.unary(message("hello", 0)));
    let status = call.await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let span = traces::client(&traces.all(1).await);
    assert_eq!(rpc_status(&span), Some("UNAVAILABLE"));
    let description = assert_error(&span, "UNAVAILABLE");
    assert!(description.contains("refused"), "{description}");
}

/// Answers one gRPC call over HTTP/2 with `body`. Closes the connection when `cut` opens.
async fn serve_once(traces: &Traces, body: Body, cut: Gate) -> std::net::SocketAddr {
    let (listener, address) = listen().await;
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let service = tower::service_fn(move |request: Request<hyper::body::Incoming>| {
        let body = body.lock().unwrap().take().unwrap();
        async move {
            request.into_body().collect().await.unwrap();
            let response = Response::builder().header("content-type", "application/grpc");
            Ok::<_, Infallible>(response.body(body).unwrap())
        }
    });
    let service = ServiceBuilder::new()
        .layer(traces.server())
        .service(service);
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(
                TokioIo::new(socket),
                hyper_util::service::TowerToHyperService::new(service),
            );
        tokio::select! {
            _ = connection => {}
            () = cut.pass() => {}
        }
    });
    address
}

/// Calls, and reads the first message.
async fn first_reply(traces: &Traces, address: std::net::SocketAddr) -> Streaming<EchoMessage> {
    let mut client = echo::connect(traces.client(), address).await;
    let call = soon(client.server_stream(message("hello", 0)));
    let mut replies = call.await.unwrap().into_inner();
    let first = soon(replies.message()).await.unwrap().unwrap();
    assert_eq!(first.text, "hello");
    replies
}

#[tokio::test]
async fn an_error_of_the_servers_body_is_an_error_on_both_sides() {
    let traces = Traces::default();
    let received = Gate::default();
    let body = scripted([Step::Data(FRAME), Step::Wait(received.clone()), Step::Fail]);
    let address = serve_once(&traces, body, Gate::default()).await;
    let mut replies = first_reply(&traces, address).await;
    received.open();
    soon(replies.message()).await.unwrap_err();

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(int(span, "lianlu.rpc.response.messages"), Some(1));
        assert_eq!(int(span, "lianlu.rpc.response.bytes"), Some(7));
    }
    assert_eq!(rpc_status(&server), Some("UNKNOWN"));
    assert!(matches!(
        &server.status,
        opentelemetry::trace::Status::Error { description } if description.contains("the disk is gone")
    ));
    assert!(matches!(
        client.status,
        opentelemetry::trace::Status::Error { .. }
    ));
    assert!(!traces::cancelled(&client) && !traces::cancelled(&server));
}

#[tokio::test]
async fn a_body_without_a_status_is_unknown() {
    let traces = Traces::default();
    let body = scripted([Step::Data(FRAME)]);
    let address = serve_once(&traces, body, Gate::default()).await;
    let mut replies = first_reply(&traces, address).await;
    assert_eq!(
        soon(replies.message()).await.unwrap_err().code(),
        Code::Unknown
    );

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(rpc_status(span), Some("UNKNOWN"));
        assert_error(span, "UNKNOWN");
    }
}

#[tokio::test]
async fn a_broken_connection_is_an_error_on_the_client_only() {
    let traces = Traces::default();
    let cut = Gate::default();
    let body = scripted([Step::Data(FRAME), Step::Hang]);
    let address = serve_once(&traces, body, cut.clone()).await;
    let mut replies = first_reply(&traces, address).await;
    assert_eq!(traces.finished().len(), 0, "the call is open");
    cut.open();
    soon(replies.message()).await.unwrap_err();

    let (client, server) = traces.pair().await;
    // The server's body was dropped; the client got an error.
    traces::assert_cancelled(&server);
    assert_eq!(rpc_status(&server), Some("CANCELLED"));
    assert!(matches!(
        client.status,
        opentelemetry::trace::Status::Error { .. }
    ));
    assert!(!traces::cancelled(&client));
    assert_eq!(int(&client, "lianlu.rpc.response.messages"), Some(1));
}

/// The answer of a proxy, without gRPC.
#[tokio::test]
async fn an_http_status_is_mapped_to_a_grpc_status() {
    for (http_status, name) in [
        (400, "INTERNAL"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "UNIMPLEMENTED"),
        (429, "UNAVAILABLE"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "UNAVAILABLE"),
        (500, "UNKNOWN"),
        (200, "UNKNOWN"),
    ] {
        let traces = Traces::default();
        // A client drops the rest of the body when it notices.
        let app = axum::Router::new().fallback(move || async move {
            Response::builder()
                .status(http_status)
                .header("content-type", "text/html")
                .body(scripted([
                    Step::Data("<html>"),
                    Step::Data("</html>"),
                    Step::Hang,
                ]))
                .unwrap()
        });
        let address = net::serve(app).await;
        let mut client = echo::connect(traces.client(), address).await;
        soon(client.unary(message("hello", 0))).await.unwrap_err();
        let span = traces::client(&traces.all(1).await);
        assert_eq!(rpc_status(&span), Some(name), "{http_status}");
        assert_error(&span, name);
        assert_eq!(int(&span, "lianlu.rpc.response.messages"), None);
    }
}

/// The server span of a gRPC-Web call in text mode, answered with `pieces`.
async fn answered_in_text<const N: usize>(
    pieces: [&'static str; N],
) -> opentelemetry_sdk::trace::SpanData {
    let traces = Traces::default();
    let app = axum::Router::new()
        .fallback(move || async move {
            Response::builder()
                .header("content-type", "application/grpc-web-text+proto")
                .body(scripted(pieces.map(Step::Data)))
                .unwrap()
        })
        .layer(traces.server());
    let address = net::serve(app).await;
    let mut request = net::grpc_request(address, "/a.B/C");
    let content_type = "application/grpc-web-text+proto".parse().unwrap();
    request.headers_mut().insert("content-type", content_type);
    let response = net::send(http::Version::HTTP_11, request).await;
    net::read(response).await.unwrap();
    traces::server(&traces.all(1).await)
}

/// In gRPC-Web's text mode frames and trailers are base64, each piece with its own padding.
#[tokio::test]
async fn a_status_in_base64_is_read() {
    // A message of 3 bytes; then trailers `grpc-status:13`, split within a group of four.
    let span = answered_in_text(["AAAAAANhYmM=", "gAAAABB", "ncnBjLXN0YXR1czoxMw0K"]).await;
    assert_error(&span, "INTERNAL");
    assert_eq!(rpc_status(&span), Some("INTERNAL"));
    assert_eq!(int(&span, "lianlu.rpc.response.messages"), Some(1));
    assert_eq!(int(&span, "lianlu.rpc.response.bytes"), Some(3));
}

/// Legal in gRPC-Web: the status cannot be known, and the call has not failed.
#[tokio::test]
async fn a_status_in_compressed_trailers_is_left_out() {
    // A message of 3 bytes; then trailers with the flag 0x81, in one piece and in two.
    for trailers in [["gQAAAANhYmM=", ""], ["gQAAAANh", "YmM="]] {
        let span = answered_in_text(["AAAAAANhYmM=", trailers[0], trailers[1]]).await;
        assert_eq!((rpc_status(&span), attr(&span, "error.type")), (None, None));
        assert_eq!(span.status, opentelemetry::trace::Status::Unset);
        assert_eq!(int(&span, "lianlu.rpc.response.messages"), Some(1));
    }
}

#[tokio::test]
async fn a_status_in_bad_base64_is_left_out() {
    let span = answered_in_text(["AAAA{}AAAA", "gAAAABBncnBjLXN0YXR1czoxMw0K"]).await;
    assert_eq!(span.status, opentelemetry::trace::Status::Unset);
    assert_eq!(rpc_status(&span), None);
    assert_eq!(int(&span, "lianlu.rpc.response.messages"), None);
}

#[tokio::test]
async fn a_status_in_the_head_counts_when_the_body_is_dropped() {
    let traces = Traces::default();
    let app = axum::Router::new().fallback(|| async {
        Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "5")
            .header("grpc-message", "see http://ann:secret@h/?sig=secret")
            .body(scripted([Step::Hang]))
            .unwrap()
    });
    let address = net::serve(app).await;
    let mut client = echo::connect(traces.client(), address).await;
    let call = client.server_stream(message("hello", 1));
    drop(soon(call).await);
    let span = traces::client(&traces.all(1).await);
    let description = assert_error(&span, "NOT_FOUND");
    assert!(!description.contains("secret"), "{description}");
    assert_eq!(rpc_status(&span), Some("NOT_FOUND"));
}
