//! User information in an endpoint's URL, with percent-encoded characters.

use std::net::SocketAddr;

use lianlu_sdk::otlp::{Builder, Exporter, Protocol};
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
