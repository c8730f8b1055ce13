//! A timeout beyond the range of the clock: spans are still exported.

use std::time::Duration;

use crate::common::grpc::{Collector, accepted};
use crate::common::{PATIENCE, attempt, collector, grpc_exporter, http_exporters};

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn over_http() {
    let (address, requests) = collector(ACCEPTED);
    for exporter in http_exporters(address, Duration::MAX) {
        attempt(exporter).unwrap();
        requests.recv_timeout(PATIENCE).unwrap();
    }
}

#[test]
fn over_grpc() {
    let collector = Collector::start(accepted);
    attempt(grpc_exporter(collector.address, Duration::MAX)).unwrap();
    collector.requests.recv_timeout(PATIENCE).unwrap();
}
