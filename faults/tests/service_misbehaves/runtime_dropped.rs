//! The runtime in which a pipeline was built, and those in which spans were recorded, are dropped before the flush.

use lianlu_faults::{
    Child, Grpc, Http, Row, Service, requests_complete_beside, requests_complete_while,
};

#[test]
fn spans_arrive() {
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
        let service = service
            .set("made-in", "one-worker")
            .set("delay-ms", 3_600_000);
        let mut child = service.start();
        child.must("spans-in 100 current-thread");
        child.must("spans-in 100 one-worker");
        child.shutdown();
        assert_eq!(child.counts().exported, 200);
        row.lost(child.claims().missing(inbox).len());
        row.run(&child.counts());
    }
    row.print();
}

/// While another thread's runtime is busy, and beside runtimes that are made and dropped.
#[test]
fn requests_complete() {
    let mut row = Row::new("runtime dropped before flush, requests");
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("made-in", "one-worker");
    let mut child = service.start();
    for place in ["current-thread", "one-worker"] {
        let spans = format!("spans-in 10 {place}");
        child.must("hold");
        child.must(&format!("beside {spans}"));
        child.wait_until_held();
        row.requests(requests_complete_while(&mut child, Child::is_held));
        child.must("release");
        child.must("beside");
        row.requests(requests_complete_beside(&mut child, &spans));
    }
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.exported, counts.started, "{counts:?}");
    row.run(&counts);
    row.print();
}
