//! Collectors over gRPC that can't take more: with `RetryInfo` they are asked again when they say so, UNAVAILABLE without
//! it a little later, and RESOURCE_EXHAUSTED without it never.

use std::cell::RefCell;
use std::time::Duration;

use lianlu_faults::{Child, Grpc, Row, Service, grpc, undisturbed_by};
use tonic::{Code, Status};

#[test]
fn says_when_to_come_back() {
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
        let gaps = collector.inbox().gaps();
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(gaps[0] >= Duration::from_millis(690), "{gaps:?}");
        row.lost(child.claims().missing(collector.inbox()).len());
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn does_not_say_when() {
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
fn is_exhausted_for_good() {
    let mut row = Row::new("RESOURCE_EXHAUSTED without RetryInfo");
    let collector = Grpc::start();
    collector.script(|_| Err(Status::resource_exhausted("quota")));
    let mut child = service(&collector).start();
    child.must("spans 100");
    let said = child.try_flush();
    assert!(said.contains("100 span(s) lost"), "{said}");
    child.flush();
    assert_eq!(collector.inbox().requests().len(), 1);
    let counts = child.counts();
    assert_eq!(counts.dropped_by("export_failed"), 100, "{counts:?}");
    row.run(&counts);
    row.print();
}

#[test]
fn goes_and_comes_back() {
    let mut row = Row::new("gRPC collector goes and comes back");
    let mut collector = Grpc::start();
    let mut child = service(&collector).start();
    child.must("spans 100");
    child.flush();
    collector.stop();
    child.must("spans 100");
    assert!(child.ask("flush 200").contains("still wait"));
    collector.resume();
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("UNAVAILABLE, RESOURCE_EXHAUSTED, requests");
    for refusal in [
        grpc::retry_after(Code::Unavailable, 30),
        Status::unavailable("down"),
        grpc::retry_after(Code::ResourceExhausted, 30),
        Status::resource_exhausted("quota"),
    ] {
        let collector = Grpc::start();
        let mut child = service(&collector).set("delay-ms", 20).start();
        row.ratio(undisturbed_by(
            &mut child,
            |child| {
                collector.script(|_| grpc::accepted());
                child.try_flush();
            },
            |_| {
                let refusal = refusal.clone();
                collector.script(move |_| Err(refusal.clone()));
            },
            |_| collector.inbox().refused(),
        ));
        collector.script(|_| grpc::accepted());
        child.try_flush();
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn requests_go_on_without_it() {
    let mut row = Row::new("gRPC collector goes and comes back, requests");
    let collector = RefCell::new(Grpc::start());
    let service = service(&collector.borrow()).set("delay-ms", 20);
    let mut child = service.start();
    let come_back = |child: &mut Child| {
        let mut collector = collector.borrow_mut();
        collector.stop();
        collector.resume();
        child.flush();
    };
    row.ratio(undisturbed_by(
        &mut child,
        come_back,
        |_| collector.borrow_mut().stop(),
        |child| child.stderr().matches("spans wait").count() as u64,
    ));
    come_back(&mut child);
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    row.run(&counts);
    row.print();
}

fn service(collector: &Grpc) -> Service {
    Service::new(&collector.url())
        .set("protocol", "grpc")
        // A batch of its own for what is there at a flush.
        .set("delay-ms", 10_000)
}
