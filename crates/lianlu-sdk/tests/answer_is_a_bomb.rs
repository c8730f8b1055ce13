//! A response that does not end, or that grows when decompressed: at most 4 MiB are read, with
//! bounded memory.
//!
//! A single test, so that no other test uses memory at the same time.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use common::grpc::{Collector, partial};
use common::http2::{head, headers, message, server};
use common::{
    PATIENCE, attempt, collector_that, grpc_exporter, http_exporters, is_accepted_with_warning,
    is_lost, is_retryable,
};
use lianlu_sdk::otlp::{Compression, Exporter, Protocol};

const MIB: usize = 1024 * 1024;

/// The peak memory of the process.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

#[test]
fn endless_and_exploding_responses_are_bounded() {
    endless_over_http();
    endless_over_grpc();
    long_over_grpc();
    decompression_bombs();
}

fn endless_over_http() {
    for status in ["200 OK", "503 Service Unavailable", "500 No"] {
        let written = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&written);
        let (address, _requests) = collector_that(move |mut stream| {
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[0x10; 65_536]).is_ok() {
                counted.fetch_add(65_536, Ordering::Relaxed);
            }
        });
        let before = peak();
        for (number, exporter) in http_exporters(address, PATIENCE).into_iter().enumerate() {
            let result = attempt(exporter);
            match (status, number) {
                ("200 OK", 0 | 1) => is_accepted_with_warning(result, "4194304"),
                ("200 OK", _) => result.unwrap(),
                ("500 No", _) => is_lost(result, "4194304"),
                _ => assert_eq!(is_retryable(result, "4194304"), None),
            }
        }
        assert!(peak().saturating_sub(before) < 64 * MIB);
        // What the clients read, plus what fits into the sockets' buffers.
        assert!(written.load(Ordering::Relaxed) < 4 * 32 * MIB);
    }
}

/// A message longer than its declared length, or a length longer than any message.
fn endless_over_grpc() {
    for first in [message(0, b""), vec![0, 0xff, 0xff, 0xff, 0xff].into()] {
        let address = server(move |mut respond| {
            let mut stream = respond.send_response(head(), false).unwrap();
            stream.send_data(first.clone(), false).unwrap();
            // As much as possible within the peer's window.
            stream
                .send_data(Bytes::from(vec![0; 64 * MIB]), true)
                .unwrap();
        });
        let before = peak();
        let result = attempt(grpc_exporter(address, PATIENCE));
        is_accepted_with_warning(result, "the response is longer than 4 MiB");
        // Includes the server's own memory.
        assert!(peak().saturating_sub(before) < (64 + 64) * MIB);
    }
}

fn long_over_grpc() {
    let collector = Collector::start(|| partial(1, "x".repeat(5 * MIB)));
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let exporter = Exporter::builder(Protocol::Grpc)
            .with_endpoint(collector.url())
            .with_compression(compression);
        let result = attempt(exporter.build().unwrap());
        is_accepted_with_warning(result, "the response is longer than 4 MiB");
    }
    assert_eq!(collector.requests.try_iter().count(), 3);
    let small = Collector::start(|| partial(0, "x".repeat(3 * MIB)));
    let result = attempt(grpc_exporter(small.address, PATIENCE));
    is_accepted_with_warning(result, "reported: xxx");
}

/// A few kilobytes that decompress to 200 MiB of zeros.
fn decompression_bombs() {
    let zeros = || std::io::Read::take(std::io::repeat(0), 200 * MIB as u64);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut zeros(), &mut gzip).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::stream::encode_all(zeros(), 1).unwrap();
    // A frame whose decoder needs 128 MiB to begin with: magic number, window of 2^27, an empty
    // last block.
    let window = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
    let before = peak();
    for (encoding, bomb, problem) in [
        ("gzip", gzip, "the response is longer than 4 MiB"),
        ("zstd", zstd, "the response is longer than 4 MiB"),
        (
            "zstd",
            window,
            "the response is not an ExportTraceServiceResponse",
        ),
    ] {
        assert!(bomb.len() < MIB);
        let body = message(1, &bomb);
        let address = server(move |mut respond| {
            let mut head = head();
            let encoding = http::HeaderValue::from_static(encoding);
            head.headers_mut().insert("grpc-encoding", encoding);
            let mut stream = respond.send_response(head, false).unwrap();
            stream.send_data(body.clone(), false).unwrap();
            stream
                .send_trailers(headers(&[("grpc-status", b"0")]))
                .unwrap();
        });
        is_accepted_with_warning(attempt(grpc_exporter(address, PATIENCE)), problem);
    }
    // The HTTP clients request no compression and do not decompress.
    let (address, _requests) = collector_that(|mut stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                    content-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x0b\x08\x00";
        let _ = stream.write_all(head.as_bytes());
    });
    for exporter in http_exporters(address, PATIENCE).into_iter().take(2) {
        is_accepted_with_warning(
            attempt(exporter),
            "the response is not an ExportTraceServiceResponse",
        );
    }
    assert!(peak().saturating_sub(before) < 64 * MIB);
}
