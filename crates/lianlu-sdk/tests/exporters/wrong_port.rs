//! A gRPC port that is spoken to in HTTP, and the other way round, is told by what the peer answers.

use std::io::{Read, Write};
use std::net::TcpListener;

use lianlu_sdk::otlp::{Exporter, Protocol};
use lianlu_sdk::{jaeger, zipkin};

use crate::common::grpc::{Collector, accepted};
use crate::common::{PATIENCE, attempt, collector, is_lost, is_retryable};

const HTTP: [Protocol; 2] = [Protocol::HttpProtobuf, Protocol::HttpJson];

fn otlp(protocol: Protocol, url: &str) -> Exporter {
    let builder = Exporter::builder(protocol).with_endpoint(url);
    builder.build().unwrap()
}

#[test]
fn a_grpc_port_is_spoken_to_in_http() {
    let grpc = Collector::start(accepted);
    let url = grpc.url();
    let reason = "speaks HTTP/2, as gRPC does, and not HTTP/1.1: use the collector's port for HTTP";
    for protocol in HTTP {
        is_retryable(attempt(otlp(protocol, &url)), reason);
    }
    let jaeger = jaeger::Exporter::collector("o", &url, None, PATIENCE).unwrap();
    is_retryable(attempt(jaeger), reason);
    let zipkin = zipkin::Exporter::new("o", &url, PATIENCE).unwrap();
    is_retryable(attempt(zipkin), reason);
    // A server that speaks both versions.
    let (address, _requests) = collector(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-status: 12\r\n\
          content-length: 0\r\nconnection: close\r\n\r\n",
    );
    for protocol in HTTP {
        let answer = attempt(otlp(protocol, &format!("http://{address}")));
        is_lost(answer, "answered in gRPC, not in HTTP: use the");
    }
}

#[test]
fn an_http_port_is_spoken_to_in_grpc() {
    // As a server in Go answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    let answer = attempt(otlp(Protocol::Grpc, &format!("http://{address}")));
    let reason = "speaks HTTP/1.1, which is not gRPC: use the collector's port for gRPC";
    is_retryable(answer, reason);
}
