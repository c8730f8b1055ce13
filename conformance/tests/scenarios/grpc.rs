//! gRPC scenarios with tonic on both sides.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream;
use http::Method;
use http_body_util::{BodyExt, Full};
use lianlu_conformance::{Expected, Fact, GRPC_CODES, Group};
use lianlu_protos::testing::echo_client::EchoClient;
use tower::ServiceBuilder;

use crate::Scenario;
use crate::common::echo::{self, Echo, message};
use crate::common::http as net;
use crate::common::{closed_port, soon};
use crate::harness::Harness;
use crate::http_server::answer;

pub fn scenarios() -> Vec<Scenario> {
    let mut all = codes();
    all.extend(kinds());
    all.extend(methods());
    all.extend(ends());
    all.extend(transports());
    all
}

/// A server, and a client with a target.
async fn pair(harness: &Harness) -> (echo::EchoClient, Echo, SocketAddr) {
    let echo = Echo::default();
    let address = echo::serve(harness.server(), echo.clone()).await;
    let layer = harness.client().with_target(format!("http://{address}"));
    (echo::connect(layer, address).await, echo, address)
}

/// A server layer that makes no spans.
pub fn without_spans() -> lianlu::ServerLayer {
    lianlu::server().with_filter(|_| false)
}

pub fn full_name(method: &str) -> String {
    format!("lianlu.testing.Echo/{method}")
}

pub fn client(address: SocketAddr, method: &str) -> Expected {
    Expected::rpc(Group::RpcClient, &full_name(method))
        .fact(Fact::PortKnown)
        .value("server.address", address.ip().to_string())
        .value("server.port", i64::from(address.port()))
}

pub fn server(address: SocketAddr, method: &str) -> Expected {
    server_of(Expected::rpc(Group::RpcServer, &full_name(method)), address)
}

pub fn server_of(call: Expected, address: SocketAddr) -> Expected {
    call.facts([Fact::AuthorityKnown, Fact::PortKnown, Fact::PeerKnown])
        .value("server.address", address.ip().to_string())
        .value("server.port", i64::from(address.port()))
        .value("network.peer.address", "127.0.0.1")
}

fn both(address: SocketAddr, method: &str, status: &str) -> Vec<Expected> {
    vec![
        client(address, method).rpc_status(status),
        server(address, method).rpc_status(status),
    ]
}

/// The text for which `Echo` answers with this code.
fn text_for(number: usize) -> String {
    match number {
        0 => "hello".to_owned(),
        _ => format!("fail {number} on request"),
    }
}

fn codes() -> Vec<Scenario> {
    let codes = GRPC_CODES.into_iter().enumerate();
    codes
        .map(|(number, code)| {
            Scenario::new(format!("grpc: code {code}"), async move |harness| {
                let (mut client, _, address) = pair(&harness).await;
                let _ = soon(client.unary(message(&text_for(number), 0))).await;
                both(address, "Unary", code)
            })
        })
        .collect()
}

fn kinds() -> Vec<Scenario> {
    let mut all = Vec::new();
    for number in [0, 5, 13] {
        let code = GRPC_CODES[number];
        let text = text_for(number);
        all.push(Scenario::new(
            format!("grpc: a client stream, {code}"),
            async move |harness| {
                let (mut client, _, address) = pair(&harness).await;
                let messages = stream::iter([message("hello", 0), message(&text, 0)]);
                let _ = soon(client.client_stream(messages)).await;
                both(address, "ClientStream", code)
            },
        ));
        let text = text_for(number);
        all.push(Scenario::new(
            format!("grpc: a server stream, {code}"),
            async move |harness| {
                let (mut client, _, address) = pair(&harness).await;
                let reply = soon(client.server_stream(message(&text, 3))).await.unwrap();
                let mut replies = reply.into_inner();
                while let Ok(Some(_)) = soon(replies.message()).await {}
                both(address, "ServerStream", code)
            },
        ));
        let text = text_for(number);
        all.push(Scenario::new(
            format!("grpc: both stream, {code}"),
            async move |harness| {
                let (mut client, _, address) = pair(&harness).await;
                let messages = stream::iter([message("hello", 0), message(&text, 0)]);
                let reply = soon(client.bidi(messages)).await.unwrap();
                let mut replies = reply.into_inner();
                while let Ok(Some(_)) = soon(replies.message()).await {}
                both(address, "Bidi", code)
            },
        ));
    }
    all
}

/// A call without a client layer, to any path.
async fn call_raw(address: SocketAddr, path: &str, headers: &[(&'static str, &str)], text: &str) {
    let mut body = vec![0, 0, 0, 0, u8::try_from(text.len() + 2).unwrap(), 0x0a];
    body.push(u8::try_from(text.len()).unwrap());
    body.extend(text.as_bytes());
    let mut request = http::Request::builder()
        .method(Method::POST)
        .uri(format!("http://{address}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new())
        .http2_only(true)
        .build_http();
    if let Ok(response) = soon(client.request(request)).await {
        let _ = soon(response.into_body().collect()).await;
    }
}

fn methods() -> Vec<Scenario> {
    let mut all = Vec::new();
    for path in ["/", "/just-one", "/a/b/c"] {
        let name = format!("grpc: a malformed path, {path}");
        all.push(Scenario::new(name, async move |harness| {
            let app = axum::Router::new()
                .fallback(async || "")
                .layer(harness.server());
            let address = net::serve(app).await;
            call_raw(address, path, &[], "hello").await;
            let call = Expected::rpc_unknown(Group::RpcServer, path);
            // The answer is not gRPC.
            vec![server_of(call, address).rpc_status("UNKNOWN")]
        }));
    }
    for (name, path) in [
        ("method", "/lianlu.testing.Echo/Nope"),
        ("service", "/no.such.Service/Unary"),
    ] {
        let name = format!("grpc: an unknown {name}");
        all.push(Scenario::new(name, async move |harness| {
            let address = echo::serve(harness.server(), Echo::default()).await;
            call_raw(address, path, &[], "hello").await;
            let call = Expected::rpc_unknown(Group::RpcServer, &path[1..]);
            vec![server_of(call, address).rpc_status("UNIMPLEMENTED")]
        }));
    }
    all
}

fn ends() -> Vec<Scenario> {
    vec![
        Scenario::new("grpc: the client's deadline passes", async |harness| {
            // A server without deadlines: tonic's may notice first, with CANCELLED.
            let app = axum::Router::new().fallback(std::future::pending::<()>);
            let address = net::serve(app).await;
            let layer = harness.client().with_target(address.to_string());
            let mut channel = echo::connect(layer, address).await;
            let mut request = tonic::Request::new(message("hang", 0));
            request.set_timeout(Duration::from_millis(20));
            soon(channel.unary(request)).await.unwrap_err();
            vec![client(address, "Unary").rpc_status("DEADLINE_EXCEEDED")]
        }),
        Scenario::new("grpc: the server's deadline passes", async |harness| {
            let address = echo::serve(harness.server(), Echo::default()).await;
            let path = "/lianlu.testing.Echo/Unary";
            call_raw(address, path, &[("grpc-timeout", "20m")], "hang").await;
            vec![server(address, "Unary").rpc_status("DEADLINE_EXCEEDED")]
        }),
        // CANCELLED is an error of a client by the conventions. A call that is dropped by its own
        // caller is not an error here, as for HTTP since v1.44.
        Scenario::new("grpc: the caller drops a call", async |harness| {
            let (mut channel, echo, address) = pair(&harness).await;
            let call = tokio::spawn(async move {
                let _ = channel.unary(message("hang", 0)).await;
            });
            soon(echo.entered.pass()).await;
            call.abort();
            let _ = call.await;
            vec![
                client(address, "Unary").rpc_status("CANCELLED").cancelled(),
                server(address, "Unary").rpc_status("CANCELLED").cancelled(),
            ]
        }),
        Scenario::new("grpc: the caller drops a stream", async |harness| {
            let (mut channel, _, address) = pair(&harness).await;
            let reply = soon(channel.server_stream(message("hang", 1)))
                .await
                .unwrap();
            let mut replies = reply.into_inner();
            soon(replies.message()).await.unwrap().unwrap();
            drop((replies, channel));
            vec![
                client(address, "ServerStream")
                    .rpc_status("CANCELLED")
                    .cancelled(),
                server(address, "ServerStream")
                    .rpc_status("CANCELLED")
                    .cancelled(),
            ]
        }),
        Scenario::new("grpc: a handler panics", async |harness| {
            let (mut channel, _, address) = pair(&harness).await;
            let _ = soon(channel.unary(message("panic", 0))).await;
            vec![
                client(address, "Unary").failed(None),
                server(address, "Unary")
                    .rpc_status("UNKNOWN")
                    .failed(Some("panic")),
            ]
        }),
    ]
}

fn transports() -> Vec<Scenario> {
    vec![
        Scenario::new("grpc client: a refused connection", async |harness| {
            let address = closed_port().await;
            let layer = harness.client().with_target(address.to_string());
            let mut channel = echo::connect_lazily(layer, address);
            soon(channel.unary(message("hello", 0))).await.unwrap_err();
            vec![client(address, "Unary").rpc_status("UNAVAILABLE")]
        }),
        Scenario::new("grpc client: an answer without HTTP/2", async |harness| {
            let address = answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let layer = harness.client().with_target(address.to_string());
            let mut channel = echo::connect_lazily(layer, address);
            soon(channel.unary(message("hello", 0))).await.unwrap_err();
            vec![client(address, "Unary").failed(None)]
        }),
        Scenario::new("grpc client: a proxy answers 503", async |harness| {
            let app = axum::Router::new()
                .fallback(async || (http::StatusCode::SERVICE_UNAVAILABLE, "<html>"));
            let address = net::serve(app).await;
            let layer = harness.client().with_target(address.to_string());
            let mut channel = echo::connect(layer, address).await;
            soon(channel.unary(message("hello", 0))).await.unwrap_err();
            vec![client(address, "Unary").rpc_status("UNAVAILABLE")]
        }),
        Scenario::new("grpc client: a channel without a target", async |harness| {
            let address = echo::serve(without_spans(), Echo::default()).await;
            let mut channel = echo::connect(harness.client(), address).await;
            soon(channel.unary(message("hello", 0))).await.unwrap();
            vec![client(address, "Unary").rpc_status("OK")]
        }),
        Scenario::new("grpc client: a client with an origin", async |harness| {
            let address = echo::serve(without_spans(), Echo::default()).await;
            let channel = echo::channel(address).connect().await.unwrap();
            let channel = ServiceBuilder::new()
                .layer(harness.client())
                .service(channel);
            let origin = format!("http://{address}").parse().unwrap();
            let mut channel = EchoClient::with_origin(channel, origin);
            soon(channel.unary(message("hello", 0))).await.unwrap();
            vec![client(address, "Unary").rpc_status("OK")]
        }),
        Scenario::new("grpc server: over axum", async |harness| {
            let service = lianlu_protos::testing::echo_server::EchoServer::new(Echo::default());
            let app = axum::Router::new()
                .route_service("/lianlu.testing.Echo/{method}", service)
                .layer(harness.server());
            let address = net::serve(app).await;
            call_raw(address, "/lianlu.testing.Echo/Unary", &[], "hello").await;
            vec![server(address, "Unary").rpc_status("OK")]
        }),
    ]
}
