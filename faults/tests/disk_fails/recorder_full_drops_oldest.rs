//! The recorder has reached its size limit and drops the oldest spans: they are counted, and the newest arrive.

use std::thread;
use std::time::{Duration, Instant};

use lianlu_faults::{Child, Http, PATIENCE, Row, Service, requests_complete_while};

#[test]
fn the_newest_arrive_and_requests_complete() {
    let mut row = Row::new("recorder full, drop oldest");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url())
        .recorder(dir.path())
        .set("max-bytes", 256 << 10)
        .set("when-full", "oldest")
        // Room in memory for all spans that find no prepared file.
        .set("queue-size", 1_000_000)
        .set("queue-bytes", 1 << 30)
        .start();
    collector.stop();
    fill(&mut child, 500);
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(
        counts.dropped(),
        counts.dropped_by("recorder_full"),
        "{counts:?}"
    );
    child.wait_for_stderr("drops the oldest", 1);
    let is_full = |child: &mut Child| child.stderr().contains("drops the oldest");
    row.requests(requests_complete_while(&mut child, is_full));
    fill(&mut child, 5000);
    child.must("spans 200");
    collector.resume();
    // The flush also counts drops of spans that the thread had not handed over yet.
    let answer = child.try_flush();
    assert!(
        answer == "ok" || answer.contains("flight recorder was full"),
        "{answer}"
    );
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    // The others are spans of requests.
    let dropped = counts.dropped();
    let of_claims = missing.len() as u64;
    assert!(
        of_claims <= dropped && dropped <= of_claims + 1200,
        "{of_claims} of the claims are missing; {counts:?}"
    );
    // The last spans are not among the missing ones.
    let newest = *missing.last().unwrap();
    let accepted = collector.inbox().accepted_ids();
    assert!(accepted.iter().any(|id| *id > newest), "{newest:x}");
    row.run(&counts);
    row.print();
}

/// Records spans until the recorder has dropped so many.
fn fill(child: &mut Child, dropped: u64) {
    let begun = Instant::now();
    while child.counts().dropped() < dropped {
        child.must("spans 200");
        // Time for the recorder's thread to make room.
        thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < PATIENCE, "{:?}", child.counts());
    }
}
