//! The collector is not there, and comes back: spans wait, in memory up to its limit or in the recorder, requests go on,
//! and what waits arrives.

use lianlu_faults::{Child, Http, Row, Service, undisturbed};

/// More than the queue of 16,384 has room for.
const SPANS: u64 = 30_000;

#[test]
fn without_a_recorder_memory_is_bounded_and_the_newest_are_dropped() {
    let mut row = Row::new("collector down, no recorder");
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    row.ratio(calls_go_on(&mut child, &mut collector));
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
    assert!(child.ask("health").starts_with("Degraded"));

    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert_eq!(missing, counts.dropped(), "{counts:?}");
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
    row.ratio(calls_go_on(&mut child, &mut collector));
    collector.stop();
    child.must(&format!("spans {SPANS}"));
    let before = child.rss();
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("spans {SPANS}"));
    // Files are mapped, so what is in them counts as memory, but it is the system's to take back.
    let files = 2 * SPANS * 300 / 1024;
    let grown = child.rss().saturating_sub(before);
    assert!(grown < files + 8 * 1024, "{grown} KiB more");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    assert!(counts.waiting >= 3 * SPANS, "{counts:?}");

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

fn calls_go_on(child: &mut Child, collector: &mut Http) -> f64 {
    // Both sides of it are asked to change the weather.
    let collector = std::cell::RefCell::new(collector);
    undisturbed(
        child,
        |child| {
            let mut collector = collector.borrow_mut();
            collector.stop();
            collector.resume();
            child.flush();
        },
        |_| collector.borrow_mut().stop(),
    )
}
