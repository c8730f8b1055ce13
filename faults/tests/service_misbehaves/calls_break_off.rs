//! Handlers panic, clients disconnect, futures are dropped: each such call ends once, its span describes how, and it is not
//! reported as unfinished when the service is killed later.

use lianlu_faults::{
    Answer, Child, Counts, Http, Row, Service, is, requests_complete_beside,
    requests_complete_while, text,
};

const EACH: usize = 20;

/// How a call breaks off, its route, and whether its span is an error and cancelled.
const KINDS: [(&str, &str, bool, bool); 5] = [
    ("panic", "/panics", true, false),
    ("dropped", "/works", false, true),
    ("unread", "/orders/{id}", false, true),
    ("gone", "/works", false, true),
    ("hung-up", "/streams", false, true),
];

#[test]
fn each_ends_once() {
    let mut row = Row::new("handler panics, client gone, future dropped");
    for (kind, route, is_error, is_cancelled) in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        collector.always(Answer::Nothing);
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.must(&format!("calls-{kind} {EACH}"));
        child.wait_for_counts(has_ended);
        let counts = child.counts();
        assert_eq!(counts.started, EACH as u64, "{kind}: {counts:?}");
        row.run(&counts);
        drop(child.kill());

        collector.always(Answer::Accepted);
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.flush();
        let counts = child.counts();
        counts.assert_identity();
        assert_eq!(counts.exported, EACH as u64, "{kind}: {counts:?}");
        let spans = collector.inbox().spans();
        row.lost(EACH - spans.len());
        for span in spans {
            assert!(!is(&span, "lianlu.unfinished"), "{kind}: {span:?}");
            assert_eq!(text(&span, "http.route"), route, "{kind}: {span:?}");
            let status = span.status.as_ref().map_or(0, |status| status.code);
            assert_eq!(status == 2, is_error, "{kind}: {span:?}");
            assert_eq!(
                is(&span, "lianlu.cancelled"),
                is_cancelled,
                "{kind}: {span:?}"
            );
        }
    }
    row.print();
}

#[test]
fn each_frees_its_slot_for_open_calls() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    // This recorder has 64 slots.
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("max-bytes", 0).start();
    for (kind, ..) in KINDS {
        for _ in 0..10 {
            child.must(&format!("calls-{kind} {EACH}"));
            child.wait_for_counts(has_ended);
        }
    }
    child.must("calls 200");
    assert_eq!(child.ask("unnoted"), "0");
    child.must("open 200");
    assert_ne!(child.ask("unnoted"), "0", "there are 64 slots");
}

/// True if all calls have ended: the server notices only later that a client has disconnected.
fn has_ended(counts: &Counts) -> bool {
    counts.open == 0
}

/// While a handler of another thread is in the middle of a panic, and beside many calls that break off.
#[test]
fn other_requests_complete() {
    let mut row = Row::new("other handlers panic, other futures dropped");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.must("hold");
    child.must("beside break-off");
    child.wait_until_held();
    row.requests(requests_complete_while(&mut child, Child::is_held));
    child.must("release");
    child.must("beside");
    row.requests(requests_complete_beside(&mut child, "break-off"));
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.exported, counts.started, "{counts:?}");
    row.run(&counts);
    row.print();
}

/// Requests that are open while others break off end as usual.
#[test]
fn open_requests_are_not_affected() {
    let mut row = Row::new("handlers panic beside open requests");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("calls-wait 20");
    for kind in ["panic", "dropped", "unread"] {
        child.must(&format!("calls-{kind} {EACH}"));
    }
    assert_eq!(child.counts().open, 20);
    child.must("calls-finish");
    child.flush();
    let spans = collector.inbox().spans();
    let waited = spans.iter().filter(|it| text(it, "http.route") == "/waits");
    let mut ends = waited.map(|span| {
        (
            span.status.clone().unwrap_or_default().code,
            is(span, "lianlu.cancelled"),
        )
    });
    assert_eq!(ends.clone().count(), 20);
    assert!(ends.all(|end| end == (0, false)));
    row.requests(20);
    row.run(&child.counts());
    row.print();
}
