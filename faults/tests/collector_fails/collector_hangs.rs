//! The collector receives requests and does not answer: requests complete, spans wait, and an attempt has a timeout.

use lianlu_faults::{Grpc, Http, Row, Service, requests_complete_while};

#[test]
fn longer_than_the_timeout() {
    let mut row = Row::new("collector hangs longer than the timeout");
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("timeout-ms", 100);
    let mut child = service.start();
    collector.gate().close();
    child.must("spans 100");
    // The first attempt times out, and so do the next.
    collector.inbox().wait_for(3);
    let answer = child.ask("flush 200");
    assert!(answer.contains("still wait"), "{answer}");
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() > 0
    }));
    assert_eq!(child.counts().exported, 0);
    assert_eq!(child.counts().dropped(), 0);
    collector.gate().open();
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn shorter_than_the_timeout_over_http() {
    let collector = Http::start();
    let mut row = Row::new("collector hangs, HTTP");
    let mut child = Service::new(&collector.url()).start();
    collector.gate().close();
    child.must("spans 2000");
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() == 1
    }));
    assert_eq!(child.counts().exported, 0);
    collector.gate().open();
    child.flush();
    assert_eq!(collector.inbox().duplicates(), 0);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn shorter_than_the_timeout_over_grpc() {
    let collector = Grpc::start();
    let mut row = Row::new("collector hangs, gRPC");
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let mut child = service.start();
    collector.gate().close();
    child.must("spans 2000");
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() == 1
    }));
    assert_eq!(child.counts().exported, 0);
    collector.gate().open();
    child.flush();
    assert_eq!(collector.inbox().duplicates(), 0);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}
