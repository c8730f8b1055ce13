//! Handlers panic, clients go away, futures are dropped: each such call ends once, with a span that says how, and it has ended
//! when the service is killed, so none is taken for one that was open.

use lianlu_faults::{Answer, Counts, Http, Row, Service, is, text, undisturbed_meanwhile};

const EACH: usize = 20;

/// How a call breaks off, where, whether it is an error, and whether it was given up.
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
fn each_gives_its_place_back() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    // With places for 64 calls.
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
    assert_ne!(child.ask("unnoted"), "0", "there are places for 64");
}

/// All that has started: a server has to notice that its clients are gone.
fn has_ended(counts: &Counts) -> bool {
    counts.open == 0
}

#[test]
fn the_others_go_on() {
    let mut row = Row::new("other handlers panic, other futures dropped");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    row.ratio(undisturbed_meanwhile(&mut child, "break-off"));
    row.run(&child.counts());
    row.print();
}
