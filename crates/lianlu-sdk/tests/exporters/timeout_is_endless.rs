//! A time-out that no clock can reach: spans are exported all the same.

use std::time::Duration;

use crate::common::grpc::{Collector, taken};
use crate::common::{PATIENCE, attempt, collector, grpc_exporter, http_exporters};

const TAKEN: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn over_http() {
    let (address, requests) = collector(TAKEN);
    for exporter in http_exporters(address, Duration::MAX) {
        attempt(exporter).unwrap();
        requests.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn over_grpc() {
    let collector = Collector::start(taken);
    attempt(grpc_exporter(collector.address, Duration::MAX)).unwrap();
    collector.requests.recv_timeout(PATIENCE).unwrap();
}
