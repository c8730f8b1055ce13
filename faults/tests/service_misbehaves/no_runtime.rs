//! A program without an async runtime records, exports over both protocols, and flushes.

use lianlu_faults::{Grpc, Http, Row, Service, requests_complete_beside, requests_complete_while};

#[test]
fn exports_over_http() {
    let mut row = Row::new("no runtime, HTTP");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("spans 1000 4");
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn exports_over_grpc() {
    let mut row = Row::new("no runtime, gRPC");
    let collector = Grpc::start();
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let mut child = service.start();
    child.must("spans 1000 4");
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

/// Requests, which have a runtime, beside a thread without one that records, and one that flushes and waits for the
/// collector.
#[test]
fn requests_complete() {
    let mut row = Row::new("no runtime, requests");
    for protocol in ["http", "grpc"] {
        let (http, grpc) = (Http::start(), Grpc::start());
        let (url, gate) = match protocol {
            "http" => (http.url(), http.gate()),
            _ => (grpc.url(), grpc.gate()),
        };
        let mut child = Service::new(&url).set("protocol", protocol).start();
        row.requests(requests_complete_beside(&mut child, "spans-in 10"));
        child.flush();
        gate.close();
        child.must("spans 100");
        child.must("beside flush");
        gate.wait_until_held();
        row.requests(requests_complete_while(&mut child, |child| {
            gate.held() == 1 && child.number("times") == 0
        }));
        gate.open();
        child.must("beside");
        row.run(&child.counts());
    }
    row.print();
}
