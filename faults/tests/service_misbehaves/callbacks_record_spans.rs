//! An exporter, a sampler and a listener record spans themselves: spans of the exporter are suppressed, and nothing
//! deadlocks or repeats without end.

use std::thread;
use std::time::Duration;

use lianlu_faults::{Child, Http, Row, Service, requests_complete_while};

#[test]
fn spans_of_an_exporter_are_suppressed() {
    let mut row = Row::new("exporter records spans itself");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("exporter", "records");
    let mut child = service.recorder(dir.path()).start();
    for _ in 0..5 {
        child.must("spans 1000");
        child.flush();
    }
    // The exporter also records when it is idle.
    let idle = child.number("idle");
    while child.number("idle") < idle + 3 {
        thread::sleep(Duration::from_millis(5));
    }
    child.flush();
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

/// The sampler and the listener record spans, read counts and flush, on the request's path, on a worker and on the
/// recorder's thread.
#[test]
fn callbacks_use_the_pipeline() {
    let mut row = Row::new("sampler and listener record spans themselves");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let service = service.set("max-bytes", 0).set("queue-size", 2048);
    collector.stop();
    let mut child = service.set("calls-back", true).start();
    // More than the recorder and the memory have room for.
    for _ in 0..8 {
        child.must("spans 500 2");
    }
    for event in ["spans wait", "out of order", "the queue of"] {
        child.wait_for_stderr(event, 1);
    }
    collector.resume();
    child.flush();
    child.wait_for_stderr("works again", 2);
    child.flush();
    let counts = child.counts();
    // The sampler records two more for each.
    assert!(counts.started >= 3 * 8_000, "{counts:?}");
    assert_eq!(counts.waiting + counts.open, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped_by("queue_full"), "{counts:?}");
    assert_eq!(collector.inbox().spans().len() as u64, counts.exported);
    row.run(&counts);
    row.print();
}

/// While each of them waits inside of its callback, after it has used the pipeline.
#[test]
fn requests_complete_while_an_exporter_records() {
    let mut row = Row::new("exporter records spans itself, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("exporter", "records").start();
    child.must("hold");
    child.must("spans 100");
    child.wait_until_held();
    row.requests(requests_complete_while(&mut child, Child::is_held));
    child.must("release");
    child.flush();
    let counts = child.counts();
    assert_eq!(collector.inbox().spans().len() as u64, counts.started);
    row.run(&counts);
    row.print();
}

#[test]
fn requests_complete_while_a_sampler_records() {
    let mut row = Row::new("sampler records spans itself, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("calls-back", true).start();
    child.must("hold");
    // On another thread.
    child.must("beside spans-in 10");
    child.wait_until_held();
    row.requests(requests_complete_while(&mut child, Child::is_held));
    child.must("release");
    child.must("beside");
    child.flush();
    let counts = child.counts();
    assert_eq!(collector.inbox().spans().len() as u64, counts.exported);
    row.run(&counts);
    row.print();
}

/// The worker reports that the collector does not answer.
#[test]
fn requests_complete_while_a_listener_records() {
    let mut row = Row::new("listener records spans itself, requests");
    let mut collector = Http::start();
    let service = Service::new(&collector.url()).set("calls-back", true);
    let mut child = service.start();
    collector.stop();
    child.must("hold");
    child.must("calls 1");
    child.wait_until_held();
    row.requests(requests_complete_while(&mut child, Child::is_held));
    child.must("release");
    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(collector.inbox().spans().len() as u64, counts.exported);
    row.run(&counts);
    row.print();
}
