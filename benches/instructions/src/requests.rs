//! Requests of each kind.

use std::net::SocketAddr;

use http::{HeaderValue, Method, Request, Version, header};
use tonic::transport::server::TcpConnectInfo;

use crate::cases::Kind;

pub(crate) fn request<B>(kind: Kind, number: usize, body: B) -> Request<B> {
    let mut request = if kind.is_grpc() {
        grpc_request(body)
    } else {
        http_request(body)
    };
    if !matches!(kind, Kind::GrpcClient | Kind::HttpClient) {
        add_caller(&mut request, kind, number);
    }
    if kind == Kind::Http {
        request
            .extensions_mut()
            .insert(lianlu::Route("/orders/{id}".into()));
    }
    request
}

fn http_request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.uri_mut() = http::Uri::from_static("http://shop.example:8080/orders/7?full=1");
    for (name, value) in [
        (header::ACCEPT, "application/json"),
        (header::USER_AGENT, "curl/8.14.1"),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    request
}

fn grpc_request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() =
        http::Uri::from_static("http://shop.example:8080/helloworld.Greeter/SayHello");
    for (name, value) in [
        (header::CONTENT_TYPE, "application/grpc"),
        (header::TE, "trailers"),
        (header::USER_AGENT, "grpc-go/1.76.0"),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    request
}

/// Adds what a server's request has: the caller's trace context and address.
fn add_caller<B>(request: &mut Request<B>, kind: Kind, number: usize) {
    let flags = if kind == Kind::GrpcUnsampled {
        "00"
    } else {
        "01"
    };
    let traceparent = format!(
        "00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-{flags}",
        number + 1
    );
    let headers = request.headers_mut();
    headers.insert(
        "traceparent",
        HeaderValue::try_from(traceparent).expect("hex is a header value"),
    );
    if matches!(kind, Kind::GrpcTracestate | Kind::GrpcBaggage) {
        let value = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
        headers.insert("tracestate", HeaderValue::from_static(value));
    }
    if kind == Kind::GrpcBaggage {
        let value = "tenant=acme,user.tier=gold,session=4bf92f3577b34da6";
        headers.insert("baggage", HeaderValue::from_static(value));
    }
    request.extensions_mut().insert(TcpConnectInfo {
        local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
        remote_addr: Some(SocketAddr::from(([10, 0, 0, 7], 51_234))),
    });
}
