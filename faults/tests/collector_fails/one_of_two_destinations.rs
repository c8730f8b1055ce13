//! One of two destinations is down, slow, refuses or panics: the other gets everything, requests go on, memory is bounded,
//! and each has counts of its own that add up. When it is back, and after a `kill -9`, it gets what it has not.

use std::time::Duration;

use lianlu_faults::{Answer, BATCH, Child, Claims, Counts, Http, Inbox, Row, Service, undisturbed};

/// Much more than the queue of 16,384 has room for; so many at once that it has.
const SPANS: u64 = 60_000;
const AT_ONCE: u64 = 2_000;

/// An answer, or nobody there.
type Weather = Option<fn() -> Answer>;

/// What the other one does. The numbers of destinations are 0 for the one that works, and 1.
const BAD: [(&str, Weather); 5] = [
    ("down", None),
    ("slow", Some(|| Answer::Slow(Duration::from_secs(5)))),
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
        .set("timeout-ms", 200)
}

fn turn(bad: &mut Http, answer: Weather) {
    match answer {
        Some(answer) => bad.always(answer()),
        None => bad.stop(),
    }
}

fn mend(bad: &mut Http) {
    bad.stop();
    bad.resume();
    bad.always(Answer::Accepted);
}

/// At a pace that a destination that works keeps up with.
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

/// What has not arrived was counted.
fn lost(inbox: &Inbox, claims: &Claims, counts: &Counts) -> usize {
    let missing = claims.missing(inbox).len();
    missing.saturating_sub(counts.dropped() as usize)
}

#[test]
fn with_a_recorder_it_gets_what_it_has_not() {
    let mut row = Row::new("one of two destinations fails, recorder");
    for (name, answer) in BAD {
        let dir = tempfile::tempdir().unwrap();
        let (good, mut bad) = (Http::start(), Http::start());
        let mut child = service(&good, &bad).recorder(dir.path()).start();
        turn(&mut bad, answer);
        record(&mut child, 0);
        let [works, fails] = &child.destinations()[..] else {
            panic!()
        };
        assert_eq!(works.exported, SPANS, "{name}: {works:?}");
        assert_eq!(works.dropped() + works.waiting, 0, "{name}: {works:?}");
        assert_eq!(fails.exported, 0, "{name}: {fails:?}");
        mend(&mut bad);
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
fn without_one_the_oldest_that_it_has_not_make_room() {
    let mut row = Row::new("one of two destinations fails, no recorder");
    for (name, answer) in BAD {
        let (good, mut bad) = (Http::start(), Http::start());
        let mut child = service(&good, &bad).start();
        turn(&mut bad, answer);
        record(&mut child, 0);
        let before = child.rss();
        record(&mut child, SPANS);
        let grown = child.rss().saturating_sub(before);
        assert!(grown < 8 * 1024, "{name}: {grown} KiB more");
        let works = &child.destinations()[0];
        assert_eq!(works.exported, 2 * SPANS, "{name}: {works:?}");
        assert_eq!(works.dropped(), 0, "{name}: {works:?}");
        mend(&mut bad);
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
fn a_recorder_that_is_full_of_what_it_has_not() {
    let mut row = Row::new("one of two destinations is down, recorder full");
    for (when_full, reason) in [("newest", "queue_full"), ("oldest", "recorder_full")] {
        let dir = tempfile::tempdir().unwrap();
        let (good, mut bad) = (Http::start(), Http::start());
        let service = service(&good, &bad).recorder(dir.path());
        let service = service.set("max-bytes", 2 << 20);
        let mut child = service.set("when-full", when_full).start();
        bad.stop();
        record(&mut child, 0);
        let works = &child.destinations()[0];
        assert_eq!(works.exported, SPANS, "{when_full}: {works:?}");
        assert_eq!(works.dropped(), 0, "{when_full}: {works:?}");
        mend(&mut bad);
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
fn an_exporter_that_panics_or_stalls() {
    let mut row = Row::new("one of two exporters panics or stalls");
    for exporter in ["panics", "stalls"] {
        let (good, bad) = (Http::start(), Http::start());
        let service = service(&good, &bad).set("second-exporter", exporter);
        let mut child = service.start();
        record(&mut child, 0);
        let works = &child.destinations()[0];
        assert_eq!(works.exported, SPANS, "{exporter}: {works:?}");
        assert_eq!(works.dropped(), 0, "{exporter}: {works:?}");
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
fn after_a_kill_each_gets_what_it_has_not() {
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
    // And some that neither has.
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

#[test]
fn requests_go_on() {
    let mut row = Row::new("one of two destinations is down, requests");
    let (good, mut bad) = (Http::start(), Http::start());
    let mut child = service(&good, &bad).start();
    let bad = std::cell::RefCell::new(&mut bad);
    row.ratio(undisturbed(
        &mut child,
        |child| {
            mend(&mut bad.borrow_mut());
            child.try_flush();
        },
        |child| {
            bad.borrow_mut().stop();
            // What there is of room is used up.
            for _ in 0..10 {
                child.must(&format!("spans {AT_ONCE}"));
            }
        },
    ));
    mend(&mut bad.borrow_mut());
    child.try_flush();
    child
        .destinations()
        .iter()
        .for_each(|counts| row.run(counts));
    row.print();
}
