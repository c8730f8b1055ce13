//! A flush from wherever it may hurt: a runtime that has one thread, which the flush blocks, a destructor, a panic hook. It
//! comes back in time and everything has arrived; the parent's patience is the watchdog.

use lianlu_faults::{Grpc, Http, Inbox, Row, Service, undisturbed_meanwhile};

const PLACES: [&str; 5] = ["", "current-thread", "one-worker", "drop", "panic-hook"];

#[test]
fn over_http() {
    let collector = Http::start();
    let service = || Service::new(&collector.url());
    flush_everywhere("flush from 5 places, HTTP", service, collector.inbox());
}

#[test]
fn over_grpc() {
    let collector = Grpc::start();
    let service = || Service::new(&collector.url()).set("protocol", "grpc");
    flush_everywhere("flush from 5 places, gRPC", service, collector.inbox());
}

/// The pipeline is made in each place, too, but for those that only a flush happens in.
fn flush_everywhere(fault: &'static str, service: impl Fn() -> Service, inbox: &Inbox) {
    let mut row = Row::new(fault);
    for (life, made_in) in PLACES.into_iter().take(3).enumerate() {
        let service = service().set("made-in", made_in).set("life", life + 1);
        let mut child = service.set("delay-ms", 60_000).start();
        for place in PLACES {
            child.must("spans 100");
            child.must(format!("flush 5000 {place}").trim_end());
            assert_eq!(child.counts().waiting, 0, "{made_in}, {place}");
        }
        row.lost(child.claims().missing(inbox).len());
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn with_nobody_to_flush_to() {
    let mut row = Row::new("flush from 5 places, no collector");
    let mut collector = Http::start();
    collector.stop();
    let mut child = Service::new(&collector.url()).start();
    for place in PLACES {
        child.must("spans 100");
        let said = child.ask(format!("flush 200 {place}").trim_end());
        assert!(said.contains("still wait"), "{place}: {said}");
    }
    row.run(&child.counts());
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("flush from 5 places, requests");
    let collector = Http::start();
    for (life, made_in) in PLACES.into_iter().take(3).enumerate() {
        let service = Service::new(&collector.url()).set("life", life + 1);
        let mut child = service.set("made-in", made_in).start();
        for place in PLACES {
            let flush = format!("flush {place}");
            row.ratio(undisturbed_meanwhile(&mut child, flush.trim_end()));
        }
        row.run(&child.counts());
    }
    row.print();
}
