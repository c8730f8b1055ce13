//! The collector's port is closed, and opens again: spans wait, in memory up to its limit or in the recorder, requests
//! complete, and the waiting spans arrive.

use lianlu_faults::{Child, Grpc, Http, Row, Service, requests_complete_while};

/// More than the queue of 16,384 has room for.
const SPANS: u64 = 20_000;

#[test]
fn without_a_recorder_memory_is_bounded_and_the_newest_are_dropped() {
    let mut row = Row::new("collector down, no recorder");
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    collector.stop();
    child.must(&format!("spans {SPANS}"));
    let before = child.rss();
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("spans {SPANS}"));
    let grown = child.rss().saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} KiB more");
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.waiting <= 16_384 + 512, "{counts:?}");
    assert!(
        counts.dropped_by("queue_full") >= 3 * SPANS - 17_000,
        "{counts:?}"
    );
    child.wait_for_health("Degraded");
    // While the queue is full.
    row.requests(requests_complete_while(&mut child, is_degraded));

    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    let dropped = counts.dropped();
    assert!(missing <= dropped, "{counts:?}");
    // The others are spans of requests.
    assert!(dropped <= missing + 1200, "{counts:?}");
    assert_eq!(collector.inbox().duplicates(), 0);
    row.run(&counts);
    row.print();
}

#[test]
fn with_a_recorder_nothing_is_lost_and_memory_is_flat() {
    let mut row = Row::new("collector down, recorder");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.start();
    collector.stop();
    child.must(&format!("spans {SPANS}"));
    let before = child.rss();
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("spans {SPANS}"));
    // Resident memory includes mapped files, which the system can take back.
    let files = 2 * SPANS * 300 / 1024;
    let grown = child.rss().saturating_sub(before);
    assert!(grown < files + 8 * 1024, "{grown} KiB more");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    assert!(counts.waiting >= 3 * SPANS, "{counts:?}");
    child.wait_for_health("Degraded");
    row.requests(requests_complete_while(&mut child, is_degraded));

    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    assert_eq!(child.ask("health"), "Working");
    row.lost(child.claims().missing(collector.inbox()).len());
    assert_eq!(collector.inbox().duplicates(), 0);
    row.run(&counts);
    row.print();
}

#[test]
fn over_grpc_nothing_is_lost() {
    let mut row = Row::new("gRPC collector down, then up");
    let mut collector = Grpc::start();
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let mut child = service.start();
    child.must("spans 100");
    child.flush();
    collector.stop();
    child.must("spans 100");
    assert!(child.ask("flush 200").contains("still wait"));
    child.wait_for_health("Degraded");
    row.requests(requests_complete_while(&mut child, is_degraded));
    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}

fn is_degraded(child: &mut Child) -> bool {
    child.ask("health").starts_with("Degraded")
}
