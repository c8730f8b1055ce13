//! Scenarios of options for gRPC, and of gRPC-Web.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use lianlu::{
    conventions::{GrpcCode, KnownMethods},
    net::HeaderCapture,
};
use lianlu_conformance::{Expected, Fact, Group};
use tower::ServiceExt;

use crate::Scenario;
use crate::common::echo::{self, Echo, message};
use crate::common::http::{self as net, VERSIONS};
use crate::common::soon;
use crate::grpc::{client, full_name, server, server_of};
use crate::http_calls::number;

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![metadata(), classified(), public_endpoint()];
    all.extend(known_methods());
    for version in VERSIONS {
        for is_text in [false, true] {
            for status in [0, 5, 13] {
                all.push(web(version, is_text, status));
            }
        }
    }
    all
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn metadata() -> Scenario {
    Scenario::new("grpc: captured metadata", async |harness| {
        let sent = HeaderCapture::new().allow("x-tenant-*");
        let got = HeaderCapture::new().allow("content-type");
        let address = echo::serve(
            harness.server().with_capture(|capture| {
                capture
                    .request_headers(sent.clone())
                    .response_headers(got.clone())
            }),
            Echo::default(),
        )
        .await;
        let layer = harness
            .client()
            .with_target(address.to_string())
            .with_capture(|capture| capture.request_headers(sent).response_headers(got));
        let mut channel = echo::connect(layer, address).await;
        let mut request = tonic::Request::new(message("hello", 0));
        for name in ["ann", "bob"] {
            let metadata = request.metadata_mut();
            metadata.append("x-tenant-name", name.parse().unwrap());
        }
        soon(channel.unary(request)).await.unwrap();
        let with_metadata = |call: Expected| {
            call.rpc_status("OK")
                .requires("rpc.request.metadata.x-tenant-name")
                .value("rpc.request.metadata.x-tenant-name", texts(&["ann", "bob"]))
                .requires("rpc.response.metadata.content-type")
                .value(
                    "rpc.response.metadata.content-type",
                    texts(&["application/grpc"]),
                )
        };
        vec![
            with_metadata(client(address, "Unary")),
            with_metadata(server(address, "Unary")),
        ]
    })
}

/// Lists with and without the method. A generated client knows its methods anyway.
fn known_methods() -> Vec<Scenario> {
    let mut all = Vec::new();
    for is_listed in [true, false] {
        let name = match is_listed {
            true => "grpc: a method of the list",
            false => "grpc: a method that is not in the list",
        };
        all.push(Scenario::new(name, async move |harness| {
            let method = if is_listed { "Unary" } else { "Bidi" };
            let methods = KnownMethods::new([full_name(method)]);
            let layer = harness
                .server()
                .with_conventions(|conventions| conventions.grpc_methods(methods.clone()));
            let address = echo::serve(layer, Echo::default()).await;
            let layer = harness
                .client()
                .with_conventions(|conventions| conventions.grpc_methods(methods));
            let layer = layer.with_target(address.to_string());
            let mut channel = echo::connect(layer, address).await;
            soon(channel.unary(message("hello", 0))).await.unwrap();
            let of_server = match is_listed {
                true => server(address, "Unary"),
                false => {
                    let call = Expected::rpc_unknown(Group::RpcServer, &full_name("Unary"));
                    server_of(call, address)
                }
            };
            vec![
                client(address, "Unary").rpc_status("OK"),
                of_server.rpc_status("OK"),
            ]
        }));
    }
    all
}

fn classified() -> Scenario {
    Scenario::new("grpc: a user's error classifier", async |harness| {
        let address = echo::serve(
            harness.server().with_errors(|errors| {
                errors.classifier(|outcome| outcome.grpc_code() == Some(GrpcCode::NotFound))
            }),
            Echo::default(),
        )
        .await;
        let layer = harness.client().with_target(address.to_string());
        let layer = layer.with_errors(|errors| {
            errors.classifier(|outcome| {
                outcome.is_error() && outcome.grpc_code() != Some(GrpcCode::NotFound)
            })
        });
        let mut channel = echo::connect(layer, address).await;
        soon(channel.unary(message("fail 5 on request", 0)))
            .await
            .unwrap_err();
        vec![
            client(address, "Unary")
                .rpc_status("NOT_FOUND")
                .classified(false),
            server(address, "Unary")
                .rpc_status("NOT_FOUND")
                .classified(true),
        ]
    })
}

fn public_endpoint() -> Scenario {
    Scenario::new("grpc server: a public endpoint", async |harness| {
        let layer = harness.server().with_public_endpoint(|_| true);
        let address = echo::serve(layer, Echo::default()).await;
        let layer = harness.client().with_target(address.to_string());
        let mut channel = echo::connect(layer, address).await;
        soon(channel.unary(message("hello", 0))).await.unwrap();
        vec![
            client(address, "Unary").rpc_status("OK"),
            server(address, "Unary").rpc_status("OK"),
        ]
    })
}

/// A message, and trailers as a frame.
fn answer(status: u8) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, 4, 0x0a, 2, b'h', b'i'];
    let trailers = format!("grpc-status: {status}\r\ngrpc-message: on request\r\n");
    body.extend([0x80, 0, 0, 0, u8::try_from(trailers.len()).unwrap()]);
    body.extend(trailers.as_bytes());
    body
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let mut three = [0; 3];
        three[..piece.len()].copy_from_slice(piece);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at > piece.len() { '=' } else { letter });
        }
    }
    text
}

/// gRPC-Web over HTTP, as by a browser.
fn web(version: Version, is_text: bool, status: u8) -> Scenario {
    let (mode, content_type) = match is_text {
        true => ("text", "application/grpc-web-text+proto"),
        false => ("binary", "application/grpc-web+proto"),
    };
    let name = format!("grpc-web: {mode}, status {status} over {}", number(version));
    Scenario::new(name, async move |harness| {
        let body = match is_text {
            true => base64(&answer(status)).into_bytes(),
            false => answer(status),
        };
        let app = Router::new()
            .fallback(async move |_: Request<Body>| {
                Response::builder()
                    .header("content-type", content_type)
                    .body(Body::from(body))
                    .unwrap()
            })
            .layer(harness.server());
        let address: SocketAddr = net::serve(app).await;
        let path = "/lianlu.testing.Echo/Unary";
        let mut request = net::request(http::Method::POST, address, path);
        let value = content_type.parse().unwrap();
        request.headers_mut().insert("content-type", value);
        let service = net::connect(harness.client(), version);
        let response = soon(service.oneshot(request)).await.unwrap();
        soon(response.into_body().collect()).await.unwrap();
        let code = match status {
            0 => "OK",
            5 => "NOT_FOUND",
            _ => "INTERNAL",
        };
        vec![
            client(address, "Unary")
                .fact(Fact::PeerKnown)
                .value("network.peer.address", "127.0.0.1")
                .rpc_status(code),
            server(address, "Unary").rpc_status(code),
        ]
    })
}
