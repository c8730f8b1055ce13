//! The recorder has all the bytes that it may have, and drops the oldest: they are counted, and the newest arrive.

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, Child, Http, Row, Service, undisturbed_by};

#[test]
fn the_newest_arrive() {
    let mut row = Row::new("recorder full, drop oldest");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url())
        .recorder(dir.path())
        .set("max-bytes", 256 << 10)
        .set("when-full", "oldest")
        .start();
    collector.stop();
    fill(&mut child, 20);
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(
        counts.dropped(),
        counts.dropped_by("recorder_full"),
        "{counts:?}"
    );
    assert!(counts.dropped() > 500, "{counts:?}");
    collector.resume();
    // What the thread had not handed over yet may have been dropped, too, and is counted now.
    let said = child.try_flush();
    assert!(
        said == "ok" || said.contains("flight recorder was full"),
        "{said}"
    );
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    assert_eq!(missing.len() as u64, counts.dropped(), "{counts:?}");
    let last = *missing.last().unwrap();
    let taken = collector.inbox().accepted_ids();
    assert!(
        taken.iter().filter(|id| **id > last).count() > 200,
        "{last:x}"
    );
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("recorder full, drop oldest, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .recorder(dir.path())
        .set("max-bytes", 256 << 10)
        .set("when-full", "oldest")
        .set("retry-max-ms", 20)
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
            fill(child, 6);
        },
        |child| child.counts().dropped_by("recorder_full"),
    ));
    collector.always(Answer::Accepted);
    child.try_flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}

fn fill(child: &mut Child, times: u32) {
    for _ in 0..times {
        child.must("spans 200");
        // The recorder's thread makes room in time.
        sleep(Duration::from_millis(20));
    }
}
