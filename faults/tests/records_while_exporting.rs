//! An exporter records spans of its own, as many as it exports: they are no telemetry, and nothing goes round in circles.
#![allow(missing_docs, clippy::unwrap_used)]

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Http, Row, Service};

#[test]
fn what_it_records_is_suppressed() {
    let mut row = Row::new("exporter records spans itself");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("exporter", "records");
    let mut child = service.recorder(dir.path()).start();
    for _ in 0..5 {
        child.must("spans 1000");
        child.must("flush 10000");
    }
    // Ten schedule delays.
    sleep(Duration::from_millis(200));
    child.must("flush 10000");
    let counts = child.counts();
    assert_eq!(
        (counts.started, counts.exported),
        (5000, 5000),
        "{counts:?}"
    );
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}
