//! gRPC calls whose transport fails: nobody listens, the connection breaks, a body errs.

use std::convert::Infallible;

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lianlu_protos::testing::echo_client::EchoClient;
use tonic::Code;
use tower::ServiceBuilder;

use crate::common::echo::{self, message};
use crate::common::http::{Step, scripted};
use crate::common::traces::{self, Traces, assert_error, int, text};
use crate::common::{Gate, listen, nobody, soon};

/// One message, `hello`, in its frame.
const FRAME: &str = "\0\0\0\0\x07\x0a\x05hello";

#[tokio::test]
async fn nobody_listens() {
    let traces = Traces::default();
    let channel = echo::channel(nobody().await).connect_lazy();
    let channel = ServiceBuilder::new()
        .layer(traces.client())
        .service(channel);
    let status = soon(EchoClient::new(channel).unary(message("hello", 0)))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let span = traces::client(&traces.all(1).await);
    assert_eq!(text(&span, "rpc.response.status_code"), Some("UNAVAILABLE"));
    let description = assert_error(&span, "UNAVAILABLE");
    assert!(description.contains("refused"), "{description}");
}

/// Answers one gRPC call over HTTP/2 with `body`; cuts the connection when `cut` opens.
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

#[tokio::test]
async fn the_servers_body_errs_after_a_message() {
    let traces = Traces::default();
    let received = Gate::default();
    let body = scripted([Step::Data(FRAME), Step::Wait(received.clone()), Step::Fail]);
    let address = serve_once(&traces, body, Gate::default()).await;
    let mut client = echo::connect(traces.client(), address).await;
    let reply = soon(client.server_stream(message("hello", 0)))
        .await
        .unwrap();
    let mut replies = reply.into_inner();
    assert_eq!(
        soon(replies.message()).await.unwrap().unwrap().text,
        "hello"
    );
    received.open();
    soon(replies.message()).await.unwrap_err();

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(int(span, "lianlu.rpc.response.messages"), Some(1));
        assert_eq!(int(span, "lianlu.rpc.response.bytes"), Some(7));
    }
    assert_eq!(text(&server, "rpc.response.status_code"), Some("UNKNOWN"));
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
async fn the_body_ends_without_a_status() {
    let traces = Traces::default();
    let body = scripted([Step::Data(FRAME)]);
    let address = serve_once(&traces, body, Gate::default()).await;
    let mut client = echo::connect(traces.client(), address).await;
    let reply = soon(client.server_stream(message("hello", 0)))
        .await
        .unwrap();
    let mut replies = reply.into_inner();
    assert_eq!(
        soon(replies.message()).await.unwrap().unwrap().text,
        "hello"
    );
    assert_eq!(
        soon(replies.message()).await.unwrap_err().code(),
        Code::Unknown
    );

    let (client, server) = traces.pair().await;
    for span in [&client, &server] {
        assert_eq!(text(span, "rpc.response.status_code"), Some("UNKNOWN"));
        assert_error(span, "UNKNOWN");
    }
}

#[tokio::test]
async fn the_connection_breaks_in_the_middle_of_a_stream() {
    let traces = Traces::default();
    let cut = Gate::default();
    let body = scripted([Step::Data(FRAME), Step::Hang]);
    let address = serve_once(&traces, body, cut.clone()).await;
    let mut client = echo::connect(traces.client(), address).await;
    let reply = soon(client.server_stream(message("hello", 0)))
        .await
        .unwrap();
    let mut replies = reply.into_inner();
    assert_eq!(
        soon(replies.message()).await.unwrap().unwrap().text,
        "hello"
    );
    assert_eq!(traces.finished().len(), 0, "the call goes on");
    cut.open();
    soon(replies.message()).await.unwrap_err();

    let (client, server) = traces.pair().await;
    // The server's body was dropped; the client was told of an error.
    traces::assert_cancelled(&server);
    assert_eq!(text(&server, "rpc.response.status_code"), Some("CANCELLED"));
    assert!(matches!(
        client.status,
        opentelemetry::trace::Status::Error { .. }
    ));
    assert!(!traces::cancelled(&client));
    assert_eq!(int(&client, "lianlu.rpc.response.messages"), Some(1));
}

/// What is no gRPC at all answers: a proxy, with a status of HTTP.
#[tokio::test]
async fn an_http_status_stands_for_a_grpc_status() {
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
        // More than a client reads before it notices; it drops the rest.
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
        let address = crate::common::http::serve(app).await;
        let mut client = echo::connect(traces.client(), address).await;
        soon(client.unary(message("hello", 0))).await.unwrap_err();
        let span = traces::client(&traces.all(1).await);
        assert_eq!(
            text(&span, "rpc.response.status_code"),
            Some(name),
            "{http_status}"
        );
        assert_error(&span, name);
        assert_eq!(int(&span, "lianlu.rpc.response.messages"), None);
    }
}

/// The server's span of a call in gRPC-Web's text mode that is answered with `pieces`.
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
    let address = crate::common::http::serve(app).await;
    let mut request = crate::common::http::request(http::Method::POST, address, "/a.B/C");
    let content_type = "application/grpc-web-text+proto".parse().unwrap();
    request.headers_mut().insert("content-type", content_type);
    let client = crate::common::http::plain(http::Version::HTTP_11);
    let response = soon(client.request(request)).await.unwrap();
    crate::common::http::read(response).await.unwrap();
    traces::server(&traces.all(1).await)
}

/// gRPC-Web's text mode has frames and trailers in base64, each piece padded on its own.
#[tokio::test]
async fn a_status_in_base64_is_read() {
    // A message of 3 bytes; then trailers: `grpc-status:13`, cut within a group of four.
    let span = answered_in_text(["AAAAAANhYmM=", "gAAAABB", "ncnBjLXN0YXR1czoxMw0K"]).await;
    assert_error(&span, "INTERNAL");
    assert_eq!(text(&span, "rpc.response.status_code"), Some("INTERNAL"));
    assert_eq!(int(&span, "lianlu.rpc.response.messages"), Some(1));
    assert_eq!(int(&span, "lianlu.rpc.response.bytes"), Some(3));
}

/// What claims to be base64 and is none: what can't be known is left out, and is no error.
#[tokio::test]
async fn a_status_in_broken_base64_is_not_guessed() {
    let span = answered_in_text(["AAAA{}AAAA", "gAAAABBncnBjLXN0YXR1czoxMw0K"]).await;
    assert_eq!(span.status, opentelemetry::trace::Status::Unset);
    assert_eq!(text(&span, "rpc.response.status_code"), None);
    assert_eq!(int(&span, "lianlu.rpc.response.messages"), None);
}

/// A status that came with the head counts, also when nobody reads on.
#[tokio::test]
async fn a_status_in_the_head_outlives_a_drop() {
    let traces = Traces::default();
    let app = axum::Router::new().fallback(|| async {
        Response::builder()
            .header("content-type", "application/grpc")
            .header("grpc-status", "5")
            .header("grpc-message", "see http://ann:secret@h/?sig=secret")
            .body(scripted([Step::Hang]))
            .unwrap()
    });
    let address = crate::common::http::serve(app).await;
    let mut client = echo::connect(traces.client(), address).await;
    let call = client.server_stream(message("hello", 1));
    drop(soon(call).await);
    let span = traces::client(&traces.all(1).await);
    let description = assert_error(&span, "NOT_FOUND");
    assert!(!description.contains("secret"), "{description}");
    assert_eq!(text(&span, "rpc.response.status_code"), Some("NOT_FOUND"));
}
