//! Eight threads make a hundred times more spans than the queue has room for, and the exporter hangs: memory stays flat, the
//! newest spans are dropped and counted, and requests complete.

use lianlu_faults::{Child, Http, Row, Service, requests_complete_while};

const ROOM: u64 = 2048;
const THREADS: u64 = 8;

#[test]
fn memory_is_flat_and_requests_complete() {
    let mut row = Row::new("100x overload, exporter hangs");
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .set("exporter", "holds")
        .set("queue-size", ROOM)
        .start();
    child.must("hold");
    child.must(&format!("spans {ROOM}"));
    child.wait_until_held();
    let before = child.rss();
    let each = 100 * ROOM / THREADS;
    child.must(&format!("spans {each} {THREADS}"));
    let grown = child.rss().saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more");
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.waiting <= ROOM + 512, "{counts:?}");
    assert!(counts.dropped_by("queue_full") >= 99 * ROOM, "{counts:?}");
    row.requests(requests_complete_while(&mut child, Child::is_held));
    child.must("release");
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    // The spans of requests found no room either.
    assert_eq!(missing.len() as u64 + 1200, counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}
