//! No collector, or no response: nothing is accepted, and the batch may be retried.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lianlu_sdk::Export;

use crate::common::grpc::{Collector, accepted};
use crate::common::{
    PATIENCE, attempt, grpc_exporter, http_exporters, is_retryable, unused_address, with_batch,
};

const SHORT: Duration = Duration::from_millis(500);

fn exporters(address: SocketAddr, timeout: Duration) -> Vec<Box<dyn Export>> {
    let mut all = http_exporters(address, timeout);
    all.push(Box::new(grpc_exporter(address, timeout)));
    all
}

/// A server that runs this for each connection, on a thread.
fn server(with: impl Fn(TcpStream) + Send + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let with = with.clone();
            std::thread::spawn(move || with(stream.unwrap()));
        }
    });
    address
}

#[test]
fn connection_refused() {
    let address = unused_address();
    for exporter in exporters(address, PATIENCE) {
        let result = attempt(exporter);
        let reason = result.as_ref().unwrap_err().reason.clone();
        assert!(
            reason.starts_with(&format!("http://{address}/")),
            "{reason}"
        );
        assert!(!reason.contains("secret"), "{reason}");
        assert_eq!(is_retryable(result, "onnection refused"), None);
    }
}

#[test]
fn unknown_host() {
    use lianlu_sdk::otlp::{Exporter, Protocol};

    for (protocol, reason) in [
        (Protocol::Grpc, "dns error"),
        (Protocol::HttpProtobuf, "failed to lookup address"),
    ] {
        let builder = Exporter::builder(protocol).with_endpoint("http://no-such-host.invalid:1");
        is_retryable(attempt(builder.build().unwrap()), reason);
    }
}

#[test]
fn the_connection_is_closed() {
    // In the middle of a request, or before it.
    let hangs_up = server(|mut stream| {
        let _ = stream.read(&mut [0; 8]);
    });
    let closes = server(drop);
    for address in [hangs_up, closes] {
        for exporter in exporters(address, PATIENCE) {
            is_retryable(attempt(exporter), &format!("http://{address}/"));
        }
    }
}

#[test]
fn the_collector_is_silent() {
    let address = server(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    for exporter in exporters(address, SHORT) {
        let before = Instant::now();
        let result = attempt(exporter);
        assert!(before.elapsed() < PATIENCE);
        assert!(before.elapsed() >= SHORT);
        is_retryable(result, &format!("http://{address}/"));
    }
}

#[test]
fn another_protocol() {
    let address = server(|mut stream| {
        let _ = stream.read(&mut [0; 65_536]);
        let _ = stream.write_all(b"220 smtp.example ESMTP\r\n250 ok\r\n\r\n");
    });
    for exporter in exporters(address, PATIENCE) {
        is_retryable(attempt(exporter), &format!("http://{address}/"));
    }
}

#[test]
fn goaway() {
    // A server that is shutting down sends a GOAWAY that names no accepted request.
    let address = server(|mut stream| {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let _ = stream.read(&mut [0; 65_536]);
        let _ = stream.write_all(&[&settings[..], &goaway].concat());
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    is_retryable(attempt(grpc_exporter(address, PATIENCE)), "transport error");
}

#[test]
fn a_silent_connection_is_replaced() {
    let collector = Collector::start(accepted);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = listener.local_addr().unwrap();
    let address = collector.address;
    std::thread::spawn(move || {
        // Simulates a firewall that has dropped the connection's state.
        let _silent = listener.accept().unwrap();
        for stream in listener.incoming() {
            let (near, far) = (stream.unwrap(), TcpStream::connect(address).unwrap());
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (far, near);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    let mut exporter = grpc_exporter(near, SHORT);
    let (first, second) = with_batch(move |batch| (exporter.export(batch), exporter.export(batch)));
    is_retryable(first, "no response within 500ms");
    second.unwrap();
    assert_eq!(collector.requests.try_iter().count(), 1);
}
