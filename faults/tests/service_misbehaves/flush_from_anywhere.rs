//! Flushes from a runtime with one thread, which the flush blocks, from a destructor and from a panic hook. They return, and
//! everything has arrived. A flush that hangs fails by the parent's watchdog.

use lianlu_faults::{FLUSH, Grpc, Http, Inbox, Row, Service, requests_complete_while};

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

/// The pipeline is also built in each runtime.
fn flush_everywhere(fault: &'static str, service: impl Fn() -> Service, inbox: &Inbox) {
    let mut row = Row::new(fault);
    for (life, made_in) in PLACES.into_iter().take(3).enumerate() {
        let service = service().set("made-in", made_in).set("life", life + 1);
        let mut child = service.set("delay-ms", 3_600_000).start();
        for place in PLACES {
            child.must("spans 100");
            child.must(format!("flush {} {place}", FLUSH.as_millis()).trim_end());
            assert_eq!(child.counts().waiting, 0, "{made_in}, {place}");
        }
        row.lost(child.claims().missing(inbox).len());
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn a_flush_returns_when_the_collector_is_down() {
    let mut row = Row::new("flush from 5 places, no collector");
    let mut collector = Http::start();
    collector.stop();
    let mut child = Service::new(&collector.url()).start();
    for place in PLACES {
        child.must("spans 100");
        let answer = child.ask(format!("flush 200 {place}").trim_end());
        assert!(answer.contains("still wait"), "{place}: {answer}");
    }
    row.run(&child.counts());
    row.print();
}

/// While a flush in each place waits for the collector.
#[test]
fn requests_complete() {
    let mut row = Row::new("flush from 5 places, requests");
    let collector = Http::start();
    for (life, made_in) in PLACES.into_iter().take(3).enumerate() {
        let service = Service::new(&collector.url()).set("life", life + 1);
        let mut child = service.set("made-in", made_in).start();
        for place in PLACES {
            collector.gate().close();
            child.must("spans 100");
            child.must(format!("beside flush {place}").trim_end());
            collector.gate().wait_until_held();
            row.requests(requests_complete_while(&mut child, |child| {
                collector.gate().held() == 1 && child.number("times") == 0
            }));
            collector.gate().open();
            child.must("beside");
        }
        row.run(&child.counts());
    }
    row.print();
}
