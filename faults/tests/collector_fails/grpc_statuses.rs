//! gRPC collectors that can't accept more: with `RetryInfo` the next attempt is made at that time, after UNAVAILABLE without
//! it a little later, and after RESOURCE_EXHAUSTED without it never.

use std::time::Duration;

use lianlu_faults::{Grpc, Row, Service, grpc, requests_complete_while};
use tonic::{Code, Status};

#[test]
fn retry_info_delays_the_next_attempt() {
    let mut row = Row::new("UNAVAILABLE, RESOURCE_EXHAUSTED with RetryInfo");
    for code in [Code::Unavailable, Code::ResourceExhausted] {
        let collector = Grpc::start();
        collector.script(move |number| match number {
            0 => Err(grpc::retry_after(code, 700)),
            _ => grpc::accepted(),
        });
        let mut child = service(&collector).start();
        child.must("spans 100");
        child.flush();
        // A slow machine makes the gap longer.
        let gaps = collector.inbox().gaps();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(gaps[0] >= Duration::from_millis(690), "{gaps:?}");
        row.lost(child.claims().missing(collector.inbox()).len());
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn unavailable_without_retry_info_is_retried() {
    let mut row = Row::new("UNAVAILABLE without RetryInfo");
    let collector = Grpc::start();
    collector.script(|number| match number {
        0..5 => Err(Status::unavailable("down")),
        _ => grpc::accepted(),
    });
    let mut child = service(&collector).start();
    child.must("spans 100");
    child.flush();
    assert_eq!(collector.inbox().requests().len(), 6);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn resource_exhausted_without_retry_info_is_not_retried() {
    let mut row = Row::new("RESOURCE_EXHAUSTED without RetryInfo");
    let collector = Grpc::start();
    collector.script(|_| Err(Status::resource_exhausted("quota")));
    let mut child = service(&collector).start();
    child.must("spans 100");
    let answer = child.try_flush();
    assert!(answer.contains("100 span(s) lost"), "{answer}");
    child.flush();
    assert_eq!(collector.inbox().requests().len(), 1);
    let counts = child.counts();
    assert_eq!(counts.dropped_by("export_failed"), 100, "{counts:?}");
    row.run(&counts);
    row.print();
}

/// While the collector holds back each of these answers, and after it has given them.
#[test]
fn requests_complete() {
    let mut row = Row::new("UNAVAILABLE, RESOURCE_EXHAUSTED, requests");
    for (refusal, is_final) in [
        (grpc::retry_after(Code::Unavailable, 30), false),
        (Status::unavailable("down"), false),
        (grpc::retry_after(Code::ResourceExhausted, 30), false),
        (Status::resource_exhausted("quota"), true),
    ] {
        let collector = Grpc::start();
        let mut child = service(&collector).set("delay-ms", 20).start();
        let answer = refusal.clone();
        collector.script(move |_| Err(answer.clone()));
        collector.gate().close();
        child.must("spans 100");
        collector.gate().wait_until_held();
        row.requests(requests_complete_while(&mut child, |_| {
            collector.gate().held() == 1
        }));
        collector.gate().open();
        collector.inbox().wait_for(3);
        row.requests(requests_complete_while(&mut child, |child| {
            collector.inbox().refused() > 0 && child.counts().exported == 0
        }));
        collector.script(|_| grpc::accepted());
        child.try_flush();
        let counts = child.counts();
        assert_eq!(counts.waiting, 0, "{refusal:?}: {counts:?}");
        assert_eq!(counts.dropped() > 0, is_final, "{refusal:?}: {counts:?}");
        row.run(&counts);
    }
    row.print();
}

fn service(collector: &Grpc) -> Service {
    Service::new(&collector.url())
        .set("protocol", "grpc")
        // The spans of a flush are one batch.
        .set("delay-ms", 3_600_000)
}
