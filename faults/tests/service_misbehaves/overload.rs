//! A hundred times more spans than there is room for, from eight threads, and an exporter that does nothing: memory stays
//! flat, the newest are dropped and counted, and requests go on.

use lianlu_faults::{Http, Row, Service, undisturbed};

const ROOM: u64 = 2048;
const THREADS: u64 = 8;

#[test]
fn memory_is_flat() {
    let mut row = Row::new("100x overload, exporter stalls");
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .set("exporter", "stalls")
        .set("queue-size", ROOM)
        .start();
    child.must(&format!("spans {ROOM}"));
    let before = child.rss();
    let each = 100 * ROOM / THREADS;
    child.must(&format!("spans {each} {THREADS}"));
    let grown = child.rss().saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more");
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.waiting <= ROOM + 512, "{counts:?}");
    assert!(counts.dropped_by("queue_full") >= 99 * ROOM, "{counts:?}");
    child.must("release");
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    assert_eq!(missing.len() as u64, counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("overload by 2 threads");
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .set("queue-size", ROOM)
        .set("batch-size", 64)
        .start();
    row.ratio(undisturbed(
        &mut child,
        |child| {
            collector.always(lianlu_faults::Answer::Accepted);
            child.flush();
        },
        |child| {
            let stall = std::time::Duration::from_secs(1);
            collector.always(lianlu_faults::Answer::Slow(stall));
            child.must(&format!("spans {}", 4 * ROOM));
        },
    ));
    collector.always(lianlu_faults::Answer::Accepted);
    child.flush();
    let counts = child.counts();
    assert!(counts.dropped_by("queue_full") > 0, "{counts:?}");
    row.run(&counts);
    row.print();
}
