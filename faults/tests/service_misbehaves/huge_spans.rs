//! A value of 10 MB, and a span with a million attributes: limits hold, omitted attributes are counted, and other spans
//! arrive.

use std::path::Path;

use lianlu_faults::{
    Answer, Http, Row, Service, id, requests_complete_beside, requests_complete_while,
};

const LONG: usize = 10_000_000;
const WIDE: u32 = 1_000_000;
/// Attributes beyond the limit never reach the recorder.
const WIDE_WITH_A_RECORDER: u32 = 50_000;

#[test]
fn limits_hold_in_memory() {
    check("huge spans", WIDE, None);
}

#[test]
fn limits_hold_with_a_recorder() {
    let dir = tempfile::tempdir().unwrap();
    check(
        "huge spans, recorder",
        WIDE_WITH_A_RECORDER,
        Some(dir.path()),
    );
}

fn check(fault: &'static str, attributes: u32, dir: Option<&Path>) {
    let mut row = Row::new(fault);
    let collector = Http::start();
    let mut service = Service::new(&collector.url()).set("delay-ms", 3_600_000);
    if let Some(dir) = dir {
        service = service.recorder(dir);
    }
    let mut child = service.start();
    child.must("spans 100");
    // The wide span comes first: the recorder copies the long value a moment after the span's end.
    let before = child.rss();
    child.must(&format!("wide {attributes}"));
    let grown = child.rss().saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more");
    child.must("spans 100");
    child.must(&format!("long {LONG}"));
    child.must("spans 100");
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.exported, counts.dropped()), (302, 0), "{counts:?}");
    let spans = collector.inbox().spans();
    let wide = spans.iter().find(|span| span.dropped_attributes_count > 0);
    let wide = wide.unwrap();
    // Two were set at the start.
    assert_eq!(wide.attributes.len(), 128);
    assert_eq!(wide.dropped_attributes_count, attributes + 2 - 128);
    let long = spans
        .iter()
        .find(|span| prost::Message::encoded_len(*span) > LONG);
    assert!(long.is_some_and(|span| id(span).is_some()));
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}

#[test]
fn ten_of_them_exceed_the_limit_of_bytes() {
    let mut row = Row::new("values of 100 MB, room for 64");
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    collector.stop();
    for _ in 0..10 {
        child.must("spans 10");
        child.must(&format!("long {LONG}"));
    }
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.dropped_by("queue_full") > 0, "{counts:?}");
    assert!(child.rss() < 200 * 1024, "{} KiB", child.rss());
    collector.resume();
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox());
    assert_eq!(missing.len() as u64, counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}

/// While one is on its way to a collector that hangs, and beside a thread that records more of them.
#[test]
fn requests_complete() {
    for (fault, work) in [
        ("spans of 10 MB, requests", format!("long {LONG}")),
        (
            "spans of 10,000 attributes, requests",
            format!("wide {}", WIDE / 100),
        ),
    ] {
        let mut row = Row::new(fault);
        let collector = Http::start();
        let mut child = Service::new(&collector.url()).start();
        // Half of the body is read.
        collector.always(Answer::Reset(50));
        collector.gate().close();
        child.must(&work);
        collector.gate().wait_until_held();
        row.requests(requests_complete_while(&mut child, |_| {
            collector.gate().held() == 1
        }));
        collector.always(Answer::Accepted);
        collector.gate().open();
        child.flush();
        row.requests(requests_complete_beside(&mut child, &work));
        row.run(&child.counts());
        row.print();
    }
}
