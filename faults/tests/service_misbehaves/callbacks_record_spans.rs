//! An exporter records spans of its own, as many as it exports: they are no telemetry, and nothing goes round in circles.

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Http, Row, Service, undisturbed_by, undisturbed_meanwhile};

#[test]
fn what_it_records_is_suppressed() {
    let mut row = Row::new("exporter records spans itself");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("exporter", "records");
    let mut child = service.recorder(dir.path()).start();
    for _ in 0..5 {
        child.must("spans 1000");
        child.flush();
    }
    // Ten schedule delays.
    sleep(Duration::from_millis(200));
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

/// The sampler and the listener record spans, ask for counts and flush, in the middle of what the pipeline does: on the
/// request's path, on a worker and on the recorder's thread.
#[test]
fn callbacks_use_the_pipeline() {
    let mut row = Row::new("sampler and listener record spans themselves");
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let service = service.set("max-bytes", 0).set("queue-size", 2048);
    collector.stop();
    let mut child = service.set("calls-back", true).start();
    // More than there is room for, on the disk or in memory.
    for _ in 0..20 {
        child.must("spans 500 2");
    }
    for said in ["spans wait", "out of order", "the queue of"] {
        child.wait_for_stderr(said, 1);
    }
    collector.resume();
    child.flush();
    child.wait_for_stderr("works again", 2);
    child.flush();
    let counts = child.counts();
    // Two more for each.
    assert!(counts.started >= 3 * 20_000, "{counts:?}");
    assert_eq!(counts.waiting + counts.open, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped_by("queue_full"), "{counts:?}");
    assert_eq!(collector.inbox().spans().len() as u64, counts.exported);
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("exporter records spans itself, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let service = service.set("exporter", "records");
    let mut child = service.start();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            child.must("good");
            child.flush();
        },
        |child| child.must("bad"),
        |child| child.ask("times").parse().unwrap(),
    ));
    child.flush();
    let counts = child.counts();
    assert_eq!(collector.inbox().spans().len() as u64, counts.started);
    row.run(&counts);
    row.print();
}

/// Beside spans whose sampler uses the pipeline.
#[test]
fn requests_go_on_while_a_sampler_calls_back() {
    let mut row = Row::new("sampler records spans itself, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("calls-back", true).start();
    row.ratio(undisturbed_meanwhile(&mut child, "spans-in 10"));
    child.flush();
    let counts = child.counts();
    assert_eq!(collector.inbox().spans().len() as u64, counts.exported);
    row.run(&counts);
    row.print();
}
