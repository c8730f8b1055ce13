//! A service ends without a word to its pipeline, by `exit` or by its `main`: with a recorder nothing is lost, without one
//! what was waiting is.
#![allow(missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use lianlu_faults::{Answer, Http, Row, Service};

const SPANS: u64 = 1000;

#[test]
fn with_a_recorder() {
    let mut row = Row::new("exit without shutdown, recorder");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let service = || Service::new(&collector.url()).recorder(dir.path());
    let service = [service(), service()];
    collector.stop();
    let [first, second] = service;
    let mut child = first.start();
    child.must(&format!("spans {SPANS}"));
    child.must("open 2");
    child.tell("exit");
    let (status, claims) = child.wait();
    assert!(status.success());
    collector.resume();
    let mut child = second.start();
    child.must("flush 10000");
    assert_eq!(child.counts().recovered, SPANS + 2);
    assert_eq!(collector.inbox().unfinished().len(), 2);
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn without_one_what_waits_is_lost_and_no_more() {
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("delay-ms", 60_000);
    let mut child = service.start();
    child.must(&format!("spans {SPANS}"));
    child.must("flush 10000");
    child.must("spans 100");
    assert_eq!(child.counts().waiting, 100);
    child.tell("exit");
    let (_, claims) = child.wait();
    assert_eq!(claims.missing(collector.inbox()).len(), 100);
    assert_eq!(claims.unpromised, SPANS + 100, "nothing was promised");
    let mut row = Row::new("exit without shutdown, no recorder");
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn what_was_in_flight_at_the_shutdown_is_left_for_the_next_life() {
    let mut row = Row::new("shutdown while the collector is down, recorder");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    collector.stop();
    let url = collector.url();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must(&format!("spans {SPANS}"));
    child.must("open 2");
    let said = child.ask("shutdown 300");
    assert!(said == "ok" || said.contains("still wait"), "{said}");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.waiting, SPANS, "{counts:?}");
    row.run(&counts);
    child.tell("exit");
    let (_, claims) = child.wait();
    collector.resume();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must("flush 10000");
    // Its open calls were ended by the shutdown, which is no crash.
    assert_eq!(child.counts().recovered, SPANS);
    assert_eq!(collector.inbox().unfinished().len(), 0);
    row.lost(claims.missing(collector.inbox()).len());
    row.print();
}

#[test]
fn a_shutdown_that_gives_up_before_the_collector_answers() {
    let mut row = Row::new("shutdown while the collector is slow, recorder");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.always(Answer::Slow(Duration::from_secs(5)));
    let url = collector.url();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must(&format!("spans {SPANS}"));
    child.must("open 2");
    let said = child.ask("shutdown 100");
    assert!(said.contains("still wait"), "{said}");
    child.tell("exit");
    let (_, claims) = child.wait();
    collector.always(Answer::Taken);
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must("flush 10000");
    // Its open calls were ended by the shutdown, which is no crash.
    assert_eq!(collector.inbox().unfinished().len(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}
