//! Handlers panic, clients go away, futures are dropped: each such call ends once, and it has ended when the service is
//! killed, so none is taken for one that was open.
#![allow(missing_docs, clippy::unwrap_used)]

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, Http, Row, Service};

const EACH: usize = 20;

#[test]
fn each_ends_once() {
    let mut row = Row::new("handler panics, client gone, future dropped");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    for what in ["panic", "dropped", "unread"] {
        child.must(&format!("calls-{what} {EACH}"));
    }
    let counts = child.counts();
    assert_eq!(
        (counts.started, counts.open),
        (3 * EACH as u64, 0),
        "{counts:?}"
    );
    row.run(&counts);
    drop(child.kill());

    collector.always(Answer::Taken);
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.must("flush 10000");
    sleep(Duration::from_millis(50));
    let spans = collector.inbox().spans();
    assert_eq!(spans.len(), 3 * EACH);
    assert_eq!(collector.inbox().unfinished().len(), 0);
    let failed = spans
        .iter()
        .filter(|span| span.status.as_ref().is_some_and(|it| it.code == 2));
    assert!(failed.count() >= EACH, "the panics at least");
    row.print();
}

#[test]
fn each_gives_its_place_back() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    // With places for 64 calls.
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("max-bytes", 0).start();
    for what in ["panic", "dropped", "unread"] {
        child.must(&format!("calls-{what} 200"));
    }
    assert!(child.ask("calls 200").contains(' '));
    assert_eq!(child.ask("unnoted"), "0");
    child.must("open 200");
    assert_ne!(child.ask("unnoted"), "0", "there are places for 64");
}
