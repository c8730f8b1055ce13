//! A timeout of zero, which is no limit, or beyond the range of the clock.

use std::time::Duration;

use crate::common::grpc::{Collector, accepted};
use crate::common::{PATIENCE, attempt, collector, grpc_exporter, http_exporters};

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

#[test]
fn over_http() {
    let (address, requests) = collector(ACCEPTED);
    for timeout in [Duration::ZERO, Duration::MAX] {
        for exporter in http_exporters(address, timeout) {
            attempt(exporter).unwrap();
            requests.recv_timeout(PATIENCE).unwrap();
        }
    }
}

#[test]
fn over_grpc() {
    let collector = Collector::start(accepted);
    for timeout in [Duration::ZERO, Duration::MAX] {
        attempt(grpc_exporter(collector.address, timeout)).unwrap();
        collector.requests.recv_timeout(PATIENCE).unwrap();
    }
}
