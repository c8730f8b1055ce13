//! A service is killed after a flush: the next life does not export the flushed spans again.

use lianlu_faults::{Answer, Http, Row, Service};

const SPANS: u64 = 5000;

#[test]
fn exported_spans_are_not_sent_again() {
    let mut row = Row::new("kill -9 after a flush");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = |life| {
        let service = Service::new(&collector.url()).recorder(dir.path());
        service.set("life", life)
    };
    let mut child = service(1).start();
    child.must(&format!("spans {SPANS}"));
    child.flush();
    collector.always(Answer::Nothing);
    child.must("spans 100");
    let claims = child.kill();
    collector.always(Answer::Accepted);
    let mut child = service(2).start();
    child.flush();
    assert_eq!(child.counts().recovered, 100);
    assert_eq!(collector.inbox().duplicates(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}

/// Shows that it is the recorder which keeps spans in the other tests.
#[test]
fn waiting_spans_are_lost_without_a_recorder() {
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("delay-ms", 3_600_000);
    let mut child = service.start();
    child.must("spans 100");
    let claims = child.kill();
    assert_eq!(claims.missing(collector.inbox()).len(), 100);
}
