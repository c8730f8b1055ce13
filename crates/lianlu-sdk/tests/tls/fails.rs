//! TLS failures are retryable: they can be fixed while the pipeline waits.

use std::io::{Read, Write};
use std::net::TcpListener;

use lianlu_sdk::otlp::{Exporter, Protocol};
use tonic::transport::{Identity, ServerTlsConfig};

use crate::common::grpc::{Collector, accepted};
use crate::common::{attempt, is_retryable};

const AUTHORITY: &str = include_str!("ca.pem");
const SERVER: &str = include_str!("server.pem");
const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

fn exporter(protocol: Protocol, url: String, authority: &str) -> Exporter {
    let builder = Exporter::builder(protocol).with_endpoint(url);
    let builder = builder.with_root_certificates(authority);
    builder.build().unwrap()
}

#[test]
fn an_untrusted_certificate() {
    let identity = Identity::from_pem(SERVER, include_str!("server.key"));
    let collector = Collector::start_tls(ServerTlsConfig::new().identity(identity), accepted);
    let url = format!("https://localhost:{}", collector.address.port());
    for protocol in ALL {
        // A certificate, but not the authority's.
        let result = attempt(exporter(protocol, url.clone(), SERVER));
        assert_eq!(is_retryable(result, "TLS failed: "), None);
    }
    assert_eq!(collector.requests.try_iter().count(), 0);
}

#[test]
fn a_server_without_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 65_536]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    for protocol in ALL {
        let result = attempt(exporter(protocol, url.clone(), AUTHORITY));
        assert_eq!(is_retryable(result, "TLS failed: "), None);
    }
}
