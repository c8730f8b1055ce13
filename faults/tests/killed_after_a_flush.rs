//! A service is killed when all that it had has arrived, or all but a little: what has arrived is not sent again.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Answer, Http, Row, Service};

const SPANS: u64 = 5000;

#[test]
fn what_has_arrived_is_not_sent_again() {
    let mut row = Row::new("kill -9 after a flush");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = |life| {
        let service = Service::new(&collector.url()).recorder(dir.path());
        service.set("life", life)
    };
    let mut child = service(1).start();
    child.must(&format!("spans {SPANS}"));
    child.must("flush 10000");
    collector.always(Answer::Nothing);
    child.must("spans 100");
    let claims = child.kill();
    collector.always(Answer::Taken);
    let mut child = service(2).start();
    child.must("flush 10000");
    assert_eq!(child.counts().recovered, 100);
    assert_eq!(collector.inbox().duplicates(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn without_a_recorder_what_waits_is_lost() {
    // What the other tests prove is the recorder's doing.
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("delay-ms", 60_000);
    let mut child = service.start();
    child.must("spans 100");
    let claims = child.kill();
    assert_eq!(claims.missing(collector.inbox()).len(), 100);
}
