//! The recorder has reached its size limit and drops the newest spans: they wait in memory, and those without room there are
//! counted.

use lianlu_faults::{Http, Row, Service, requests_complete_while};

#[test]
fn the_oldest_arrive_and_requests_complete() {
    let mut row = Row::new("recorder full, drop newest");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url())
        .recorder(dir.path())
        .set("max-bytes", 256 << 10)
        .set("queue-size", 1000)
        .start();
    collector.stop();
    for _ in 0..20 {
        child.must("spans 500");
    }
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(
        counts.dropped(),
        counts.dropped_by("queue_full"),
        "{counts:?}"
    );
    assert!(
        counts.dropped() > 5000 && counts.durable > 500,
        "{counts:?}"
    );
    child.wait_for_health("262144 bytes are in use");
    let before = child.counts().dropped();
    row.requests(requests_complete_while(&mut child, |child| {
        child.ask("health").contains("262144 bytes are in use")
    }));
    // No request has found room.
    assert!(child.counts().dropped() >= before + 1200);
    collector.resume();
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    // The others are spans of requests.
    assert_eq!(missing.len() as u64, counts.dropped() - 1200, "{counts:?}");
    let first = missing.first().unwrap();
    let taken = collector.inbox().accepted_ids();
    assert!(taken.iter().filter(|id| *id < first).count() > 500);
    row.run(&counts);
    row.print();
}
