//! A program without any runtime: it records, exports over both protocols, and flushes.

use lianlu_faults::{Grpc, Http, Row, Service, undisturbed_meanwhile};

#[test]
fn over_http() {
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
fn over_grpc() {
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

/// Requests, which have one, beside a thread that records, and one that flushes.
#[test]
fn requests_go_on() {
    let mut row = Row::new("no runtime, requests");
    for protocol in ["http", "grpc"] {
        let (http, grpc) = (Http::start(), Grpc::start());
        let service = match protocol {
            "http" => Service::new(&http.url()),
            _ => Service::new(&grpc.url()),
        };
        let mut child = service.set("protocol", protocol).start();
        for work in ["spans-in 10", "flush"] {
            row.ratio(undisturbed_meanwhile(&mut child, work));
        }
        row.run(&child.counts());
    }
    row.print();
}
