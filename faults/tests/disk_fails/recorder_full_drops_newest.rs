//! The recorder has all the bytes that it may have, and drops the newest: they wait in memory, and what has no room there
//! is counted.

use lianlu_faults::{Answer, Http, Row, Service, undisturbed_by};

#[test]
fn the_oldest_arrive() {
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
    collector.resume();
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    assert_eq!(missing.len() as u64, counts.dropped(), "{counts:?}");
    let first = missing.first().unwrap();
    let taken = collector.inbox().accepted_ids();
    assert!(taken.iter().filter(|id| *id < first).count() > 500);
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("recorder full, drop newest, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .recorder(dir.path())
        .set("max-bytes", 256 << 10)
        .set("queue-size", 1000)
        .start();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            child.try_flush();
        },
        |child| {
            collector.always(Answer::Nothing);
            // There is no room left.
            child.must("spans 5000");
        },
        |child| child.counts().dropped_by("queue_full"),
    ));
    collector.always(Answer::Accepted);
    child.try_flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}
