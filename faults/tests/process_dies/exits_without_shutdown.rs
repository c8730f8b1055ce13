//! A service exits without a shutdown of its pipeline, or with one that times out: with a recorder nothing is lost, without
//! one the waiting spans are.

use lianlu_faults::{Http, Row, Service};

const SPANS: u64 = 1000;

#[test]
fn nothing_is_lost_with_a_recorder() {
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
    let (status, claims) = child.wait_for_end();
    assert!(status.success());
    collector.resume();
    let mut child = second.start();
    child.flush();
    assert_eq!(child.counts().recovered, SPANS + 2);
    assert_eq!(collector.inbox().unfinished().len(), 2);
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn waiting_spans_alone_are_lost_without_a_recorder() {
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("delay-ms", 3_600_000);
    let mut child = service.start();
    child.must(&format!("spans {SPANS}"));
    child.flush();
    child.must("spans 100");
    assert_eq!(child.counts().waiting, 100);
    child.tell("exit");
    let (_, claims) = child.wait_for_end();
    assert_eq!(claims.missing(collector.inbox()).len(), 100);
    assert_eq!(claims.unpromised, SPANS + 100, "nothing was promised");
    let mut row = Row::new("exit without shutdown, no recorder");
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn spans_left_by_a_shutdown_arrive_by_the_next_life() {
    let mut row = Row::new("shutdown while the collector is down, recorder");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    collector.stop();
    let url = collector.url();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must(&format!("spans {SPANS}"));
    child.must("open 2");
    let answer = child.ask("shutdown 300");
    assert!(answer.contains("still wait"), "{answer}");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.waiting, SPANS, "{counts:?}");
    row.run(&counts);
    child.tell("exit");
    let (_, claims) = child.wait_for_end();
    collector.resume();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.flush();
    // The shutdown has ended the open calls: they are not marked as unfinished.
    assert_eq!(child.counts().recovered, SPANS);
    assert_eq!(collector.inbox().unfinished().len(), 0);
    row.lost(claims.missing(collector.inbox()).len());
    row.print();
}

#[test]
fn a_shutdown_ends_before_the_collector_answers() {
    let mut row = Row::new("shutdown while the collector hangs, recorder");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.gate().close();
    let url = collector.url();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.must(&format!("spans {SPANS}"));
    child.must("open 2");
    collector.gate().wait_until_held();
    let answer = child.ask("shutdown 100");
    assert!(answer.contains("still wait"), "{answer}");
    assert_eq!(collector.gate().held(), 1);
    child.tell("exit");
    let (_, claims) = child.wait_for_end();
    collector.gate().open();
    let mut child = Service::new(&url).recorder(dir.path()).start();
    child.flush();
    // The shutdown has ended the open calls: they are not marked as unfinished.
    assert_eq!(collector.inbox().unfinished().len(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}
