//! A service aborts: the next life exports the spans that had ended, once.

use lianlu_faults::{Answer, Http, Row, Service};

const ENDED: usize = 5000;

#[test]
fn ended_spans_arrive_once() {
    let mut row = Row::new("abort");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.must(&format!("spans {ENDED}"));
    child.must("open 3");
    child.tell("abort");
    let (signal, claims) = child.wait_for_signal();
    assert_eq!(signal, 6);
    assert_eq!((claims.len(), claims.unpromised), (ENDED, 0));

    collector.always(Answer::Accepted);
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.flush();
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.exported, ENDED as u64 + 3);
    assert_eq!(collector.inbox().unfinished().len(), 3);
    assert_eq!(collector.inbox().duplicates(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}
