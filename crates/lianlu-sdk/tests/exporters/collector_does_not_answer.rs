//! Nobody there, or nobody who says a word: nothing is taken, and the batch may be sent again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lianlu_sdk::Export;

use crate::common::grpc::{Collector, taken};
use crate::common::{
    PATIENCE, attempt, grpc_exporter, http_exporters, may_be_sent_again, nobody, with_batch,
};

const SHORT: Duration = Duration::from_millis(500);

fn exporters(address: SocketAddr, timeout: Duration) -> Vec<Box<dyn Export>> {
    let mut all = http_exporters(address, timeout);
    all.push(Box::new(grpc_exporter(address, timeout)));
    all
}

/// A server that does this with each connection, on a thread.
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
fn nobody_there() {
    let address = nobody();
    for exporter in exporters(address, PATIENCE) {
        let result = attempt(exporter);
        let reason = result.as_ref().unwrap_err().reason.clone();
        assert!(
            reason.starts_with(&format!("http://{address}/")),
            "{reason}"
        );
        assert!(!reason.contains("secret"), "{reason}");
        assert_eq!(may_be_sent_again(result, "onnection refused"), None);
    }
}

#[test]
fn no_such_host() {
    use lianlu_sdk::otlp::{Exporter, Protocol};

    for (protocol, reason) in [
        (Protocol::Grpc, "dns error"),
        (Protocol::HttpProtobuf, "failed to lookup address"),
    ] {
        let builder = Exporter::builder(protocol).with_endpoint("http://no-such-host.invalid:1");
        may_be_sent_again(attempt(builder.build().unwrap()), reason);
    }
}

#[test]
fn it_hangs_up() {
    // In the middle of a request, or before it.
    let hangs_up = server(|mut stream| {
        let _ = stream.read(&mut [0; 8]);
    });
    let closes = server(drop);
    for address in [hangs_up, closes] {
        for exporter in exporters(address, PATIENCE) {
            may_be_sent_again(attempt(exporter), &format!("http://{address}/"));
        }
    }
}

#[test]
fn it_is_silent() {
    let address = server(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {});
    for exporter in exporters(address, SHORT) {
        let before = Instant::now();
        let result = attempt(exporter);
        assert!(before.elapsed() < PATIENCE);
        assert!(before.elapsed() >= SHORT);
        may_be_sent_again(result, &format!("http://{address}/"));
    }
}

#[test]
fn it_speaks_something_else() {
    let address = server(|mut stream| {
        let _ = stream.read(&mut [0; 65_536]);
        let _ = stream.write_all(b"220 smtp.example ESMTP\r\n250 ok\r\n\r\n");
    });
    for exporter in exporters(address, PATIENCE) {
        may_be_sent_again(attempt(exporter), &format!("http://{address}/"));
    }
    // A gRPC port that is HTTP/1.1.
    let address = server(|mut stream| {
        let _ = stream.read(&mut [0; 65_536]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    let result = attempt(grpc_exporter(address, PATIENCE));
    may_be_sent_again(result, "transport error: ");
}

#[test]
fn it_goes_away() {
    // What a server sends that is shut down: a GOAWAY that names no request as taken.
    let address = server(|mut stream| {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let _ = stream.read(&mut [0; 65_536]);
        let _ = stream.write_all(&[&settings[..], &goaway].concat());
        while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    });
    may_be_sent_again(attempt(grpc_exporter(address, PATIENCE)), "transport error");
}

#[test]
fn a_silent_connection_is_given_up_for_a_new_one() {
    let collector = Collector::start(taken);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = listener.local_addr().unwrap();
    let address = collector.address;
    std::thread::spawn(move || {
        // As behind a firewall that has forgotten the connection.
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
    may_be_sent_again(first, "no answer within 500ms");
    second.unwrap();
    assert_eq!(collector.requests.try_iter().count(), 1);
}
