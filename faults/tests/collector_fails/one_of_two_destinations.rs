//! One of two destinations is down, hangs, refuses or panics: the other gets everything, requests complete, memory is
//! bounded, and each has counts of its own that add up. When it works again, and after a `kill -9`, it gets the spans that it
//! lacks.

use lianlu_faults::{
    Answer, BATCH, Child, Claims, Counts, Http, Inbox, Row, Service, requests_complete_while,
};

/// Much more than the queue has room for, in parts that it has room for.
const SPANS: u64 = 15_000;
const QUEUE: u64 = 4096;
const AT_ONCE: u64 = 1_500;

/// The answer of the destination that fails, or `None` if its port is closed.
type Fault = Option<fn() -> Answer>;

/// The faults. The destination that works has the number 0, the other one 1.
const FAULTS: [(&str, Fault); 5] = [
    ("down", None),
    ("hangs", Some(|| Answer::Accepted)),
    ("resets", Some(|| Answer::Reset(50))),
    ("refuses", Some(|| refusal("503 Service Unavailable"))),
    ("refuses for good", Some(|| refusal("400 Bad Request"))),
];

fn refusal(status: &'static str) -> Answer {
    Answer::Status(status, Vec::new(), Vec::new())
}

fn service(good: &Http, bad: &Http) -> Service {
    Service::new(&good.url())
        .set("second-endpoint", bad.url())
        .set("queue-size", QUEUE)
}

fn fail(bad: &mut Http, name: &str, answer: Fault) {
    match answer {
        Some(answer) => bad.always(answer()),
        None => bad.stop(),
    }
    if name == "hangs" {
        bad.gate().close();
    }
}

fn repair(bad: &mut Http) {
    bad.gate().open();
    bad.stop();
    bad.resume();
    bad.always(Answer::Accepted);
}

/// Records at the pace of the destination that works.
fn record(child: &mut Child, before: u64) {
    for part in 1..=SPANS / AT_ONCE {
        child.must(&format!("spans {AT_ONCE}"));
        child.wait_for_exported(0, before + part * AT_ONCE);
    }
}

fn assert_has_all(inbox: &Inbox, claims: &Claims) {
    assert_eq!(claims.missing(inbox).len(), 0);
    assert_eq!(inbox.duplicates(), 0);
}

/// Number of spans that did not arrive and were not counted as dropped.
fn lost(inbox: &Inbox, claims: &Claims, counts: &Counts) -> usize {
    let missing = claims.missing(inbox).len();
    missing.saturating_sub(counts.dropped() as usize)
}

#[test]
fn with_a_recorder_it_gets_the_rest_later() {
    let mut row = Row::new("one of two destinations fails, recorder");
    for (name, answer) in FAULTS {
        let dir = tempfile::tempdir().unwrap();
        let (good, mut bad) = (Http::start(), Http::start());
        let mut child = service(&good, &bad).recorder(dir.path()).start();
        fail(&mut bad, name, answer);
        record(&mut child, 0);
        let [works, fails] = &child.destinations()[..] else {
            panic!()
        };
        assert_eq!(works.exported, SPANS, "{name}: {works:?}");
        assert_eq!(works.dropped() + works.waiting, 0, "{name}: {works:?}");
        assert_eq!(fails.exported, 0, "{name}: {fails:?}");
        repair(&mut bad);
        child.try_flush();
        let counts = child.destinations();
        assert_eq!(counts[1].waiting, 0, "{name}: {:?}", counts[1]);
        if name != "refuses for good" {
            assert_eq!(counts[1].dropped(), 0, "{name}: {:?}", counts[1]);
        }
        assert_has_all(good.inbox(), &child.claims());
        row.lost(lost(bad.inbox(), &child.claims(), &counts[1]));
        counts.iter().for_each(|counts| row.run(counts));
    }
    row.print();
}

#[test]
fn without_a_recorder_its_oldest_spans_make_room() {
    let mut row = Row::new("one of two destinations fails, no recorder");
    for (name, answer) in FAULTS {
        let (good, mut bad) = (Http::start(), Http::start());
        let mut child = service(&good, &bad).start();
        fail(&mut bad, name, answer);
        record(&mut child, 0);
        let before = child.rss();
        record(&mut child, SPANS);
        let grown = child.rss().saturating_sub(before);
        assert!(grown < 8 * 1024, "{name}: {grown} KiB more");
        let works = &child.destinations()[0];
        assert_eq!(works.exported, 2 * SPANS, "{name}: {works:?}");
        assert_eq!(works.dropped(), 0, "{name}: {works:?}");
        // While the queue is full of its spans.
        row.requests(requests_complete_while(&mut child, |child| {
            child.destinations()[1].exported == 0
        }));
        repair(&mut bad);
        child.try_flush();
        let counts = child.destinations();
        assert_eq!(counts[1].waiting, 0, "{name}: {:?}", counts[1]);
        assert_has_all(good.inbox(), &child.claims());
        row.lost(lost(bad.inbox(), &child.claims(), &counts[1]));
        counts.iter().for_each(|counts| row.run(counts));
    }
    row.print();
}

#[test]
fn the_recorder_is_full_of_its_spans() {
    let mut row = Row::new("one of two destinations is down, recorder full");
    for (when_full, reason) in [("newest", "queue_full"), ("oldest", "recorder_full")] {
        let dir = tempfile::tempdir().unwrap();
        let (good, mut bad) = (Http::start(), Http::start());
        let service = service(&good, &bad).recorder(dir.path());
        let service = service.set("max-bytes", 1 << 20);
        let mut child = service.set("when-full", when_full).start();
        bad.stop();
        record(&mut child, 0);
        let works = &child.destinations()[0];
        assert_eq!(works.exported, SPANS, "{when_full}: {works:?}");
        assert_eq!(works.dropped(), 0, "{when_full}: {works:?}");
        repair(&mut bad);
        child.try_flush();
        let counts = child.destinations();
        assert_eq!(counts[1].waiting, 0, "{:?}", counts[1]);
        assert!(counts[1].dropped_by(reason) > 0, "{:?}", counts[1]);
        assert_has_all(good.inbox(), &child.claims());
        row.lost(lost(bad.inbox(), &child.claims(), &counts[1]));
        counts.iter().for_each(|counts| row.run(counts));
    }
    row.print();
}

#[test]
fn its_exporter_panics_or_hangs() {
    let mut row = Row::new("one of two exporters panics or hangs");
    for exporter in ["panics", "holds"] {
        let (good, bad) = (Http::start(), Http::start());
        let service = service(&good, &bad).set("second-exporter", exporter);
        let mut child = service.start();
        // The first batch or the first panic lasts until the release.
        child.must("hold");
        record(&mut child, 0);
        child.wait_until_held();
        let works = &child.destinations()[0];
        assert_eq!(works.exported, SPANS, "{exporter}: {works:?}");
        assert_eq!(works.dropped(), 0, "{exporter}: {works:?}");
        row.requests(requests_complete_while(&mut child, Child::is_held));
        child.must("release");
        child.try_flush();
        let counts = child.destinations();
        assert!(counts[1].dropped() > 0, "{exporter}: {:?}", counts[1]);
        assert_has_all(good.inbox(), &child.claims());
        row.lost(lost(bad.inbox(), &child.claims(), &counts[1]));
        counts.iter().for_each(|counts| row.run(counts));
    }
    row.print();
}

#[test]
fn after_a_kill_each_gets_the_spans_that_it_lacks() {
    let mut row = Row::new("kill -9, one of two destinations is behind");
    let dir = tempfile::tempdir().unwrap();
    let (good, mut bad) = (Http::start(), Http::start());
    let service = |bad: &Http, life| {
        let service = service(&good, bad).recorder(dir.path());
        service.set("life", life)
    };
    let mut child = service(&bad, 1).start();
    child.must("spans 1000");
    child.flush();
    bad.stop();
    child.must("spans 5000");
    child.must("open 3");
    child.wait_for_exported(0, 6000);
    // Spans that neither has.
    good.always(Answer::Nothing);
    child.must("spans 500");
    let claims = child.kill();

    good.always(Answer::Accepted);
    bad.resume();
    let mut child = service(&bad, 2).start();
    child.flush();
    for inbox in [good.inbox(), bad.inbox()] {
        assert_eq!(claims.missing(inbox).len(), 0);
        assert!(inbox.duplicates() <= BATCH, "{}", inbox.duplicates());
        assert_eq!(inbox.unfinished().len(), 3);
        row.killed(&claims, inbox);
    }
    let counts = child.destinations();
    assert!(counts[0].recovered >= 5500, "{:?}", counts[0]);
    assert_eq!(counts[0].waiting + counts[1].waiting, 0);
    row.print();
}
