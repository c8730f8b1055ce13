//! User information and other secrets in the URL of an endpoint.

use std::net::{SocketAddr, TcpListener};

use lianlu_sdk::otlp::{Builder, Exporter, Protocol};
use lianlu_sdk::sampling::JaegerRemote;
use lianlu_sdk::{Export, jaeger, zipkin};

use crate::common::grpc::{Collector, accepted};
use crate::common::{PATIENCE, attempt, collector};

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// `ann@shop`, and `p@ss:%`.
const USER: &str = "ann%40shop:p%40ss%3A%25";
const CREDENTIALS: &str = "Basic YW5uQHNob3A6cEBzczol";

fn otlp(protocol: Protocol, address: SocketAddr) -> Builder {
    Exporter::builder(protocol).with_endpoint(format!("http://{USER}@{address}"))
}

#[test]
fn over_http() {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{USER}@{address}/path");
    let exporters: [Box<dyn Export>; 3] = [
        Box::new(otlp(Protocol::HttpProtobuf, address).build().unwrap()),
        Box::new(jaeger::Exporter::collector("endpoint", &url, None, PATIENCE).unwrap()),
        Box::new(zipkin::Exporter::new("endpoint", &url, PATIENCE).unwrap()),
    ];
    for exporter in exporters {
        attempt(exporter).unwrap();
        let request = requests.recv_timeout(PATIENCE).unwrap();
        assert_eq!(request.header("authorization"), Some(CREDENTIALS));
        assert_eq!(request.header("host"), Some(&*address.to_string()));
    }
}

#[test]
fn over_grpc() {
    let collector = Collector::start(accepted);
    let exporter = otlp(Protocol::Grpc, collector.address).build().unwrap();
    attempt(exporter).unwrap();
    let request = collector.requests.recv_timeout(PATIENCE).unwrap();
    assert_eq!(request.metadata.get("authorization").unwrap(), CREDENTIALS);
}

#[test]
fn an_explicit_header_takes_precedence() {
    let (address, requests) = collector(ACCEPTED);
    let builder = otlp(Protocol::HttpProtobuf, address).with_header("Authorization", "Bearer x");
    let url = format!("http://{USER}@{address}/path");
    let user = Some(("bob", "secret"));
    let exporters: [(Box<dyn Export>, _); 2] = [
        (Box::new(builder.build().unwrap()), "Bearer x"),
        (
            Box::new(jaeger::Exporter::collector("endpoint", &url, user, PATIENCE).unwrap()),
            "Basic Ym9iOnNlY3JldA==",
        ),
    ];
    for (exporter, wanted) in exporters {
        attempt(exporter).unwrap();
        let request = requests.recv_timeout(PATIENCE).unwrap();
        assert_eq!(request.header("authorization"), Some(wanted));
        let head = request.head.to_ascii_lowercase();
        assert_eq!(head.matches("\r\nauthorization:").count(), 1, "{head}");
    }
}

/// What a collector quotes of a request, with all of its credentials.
const QUOTED: &str = "no key s3cret in /path?Api-Key=s3cret&sig=%2Fs3cret for p@ss, t0ken-s3cret";

#[test]
fn secrets_of_an_endpoint_are_not_told() {
    let length = QUOTED.len();
    let refused = |status: u16| {
        let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
        let text = format!("{head}content-length: {length}\r\n\r\n{QUOTED}");
        collector(text.leak().as_bytes()).0
    };
    let partial = Collector::start(|| crate::common::grpc::partial(1, QUOTED));
    let status = Collector::start(|| Err(tonic::Status::unavailable(QUOTED)));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = |address| format!("http://ann:p%40ss@{address}/path?Api-Key=s3cret&sig=%2Fs3cret");
    let otlp = |protocol, address| {
        let builder = Exporter::builder(protocol).with_endpoint(url(address));
        let builder = builder.with_header("x-key", "Token t0ken-s3cret");
        assert!(!format!("{builder:?}").contains("s3cret"), "{builder:?}");
        builder.build().unwrap()
    };
    for address in [refused(400), refused(503), closed] {
        let url = url(address);
        let user = Some(("ann", "t0ken-s3cret"));
        is_silent(address, otlp(Protocol::HttpProtobuf, address));
        is_silent(address, otlp(Protocol::HttpJson, address));
        is_silent(address, otlp(Protocol::Grpc, address));
        is_silent(
            address,
            jaeger::Exporter::collector("o", &url, user, PATIENCE).unwrap(),
        );
        is_silent(address, zipkin::Exporter::new("o", &url, PATIENCE).unwrap());
    }
    for collector in [partial, status] {
        is_silent(collector.address, otlp(Protocol::Grpc, collector.address));
    }
    let agent = jaeger::Exporter::agent("o", "h?key=s3cret:6831").unwrap_err();
    assert!(!agent.to_string().contains("s3cret"), "{agent}");
    let sampler = JaegerRemote::new("http://h:x/path?Api-Key=s3cret");
    assert!(!format!("{sampler:?}").contains("s3cret"), "{sampler:?}");
    let error = sampler.start("shop").unwrap_err().to_string();
    assert!(!error.contains("s3cret"), "{error}");
}

/// Asserts that a failed export names the collector and no secret.
#[track_caller]
fn is_silent(address: SocketAddr, exporter: impl Export + std::fmt::Debug) {
    let shown = format!("{exporter:?} {}", exporter.destination());
    let shown = format!("{shown} {}", attempt(exporter).unwrap_err());
    assert!(shown.contains(&address.to_string()), "{shown}");
    for secret in ["s3cret", "Api-Key", "p@ss", "p%40ss", "t0ken"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
