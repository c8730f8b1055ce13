//! The runtime that a pipeline was made in, and that its spans were recorded in, is gone before the flush.

use lianlu_faults::{Grpc, Http, Row, Service, undisturbed_meanwhile};

#[test]
fn nobody_misses_it() {
    let mut row = Row::new("runtime dropped before flush");
    let (http, grpc) = (Http::start(), Grpc::start());
    let services = [
        (Service::new(&http.url()), http.inbox()),
        (
            Service::new(&grpc.url()).set("protocol", "grpc"),
            grpc.inbox(),
        ),
    ];
    for (service, inbox) in services {
        let service = service.set("made-in", "one-worker").set("delay-ms", 60_000);
        let mut child = service.start();
        child.must("spans-in 100 current-thread");
        child.must("spans-in 100 one-worker");
        child.must("shutdown 5000");
        assert_eq!(child.counts().exported, 200);
        row.lost(child.claims().missing(inbox).len());
        row.run(&child.counts());
    }
    row.print();
}

/// Beside runtimes that come and go.
#[test]
fn requests_go_on() {
    let mut row = Row::new("runtime dropped before flush, requests");
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("made-in", "one-worker");
    let mut child = service.start();
    for place in ["current-thread", "one-worker"] {
        let spans = format!("spans-in 10 {place}");
        row.ratio(undisturbed_meanwhile(&mut child, &spans));
    }
    row.run(&child.counts());
    row.print();
}
