//! The recorder's disk fails with EIO while the service runs: requests complete, durable spans are not lost, each loss is
//! counted, the failure is reported once, and the recorder works again when the disk does.

use lianlu_faults::{Answer, Disk, Http, Row, requests_complete_while};

const OUT_OF_ORDER: &str = "out of order";
const WORKS_AGAIN: &str = "the flight recorder works again";

#[test]
fn spans_wait_in_memory_when_writes_fail() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on write");
    let mut collector = Http::start();
    let url = collector.url();
    collector.stop();
    let mut child = disk.service(&url).start();
    disk.set("write=eio");
    // More than the prepared files and the memory have room for.
    child.must("spans 60000");
    child.wait_for_health("the flight recorder: Input/output error");
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.dropped_by("queue_full") > 0, "{counts:?}");
    assert_eq!(counts.dropped(), counts.dropped_by("queue_full"));
    assert_ne!(disk.repair(), 0);
    child.wait_for_stderr(WORKS_AGAIN, 1);
    child.must("spans 1000");
    child.wait_for_durable(counts.durable + 1000);
    assert_eq!(child.stderr().matches(OUT_OF_ORDER).count(), 1);
    let claims = child.kill();
    assert!(claims.unpromised > 0);

    collector.resume();
    let mut child = disk.service(&url).set("life", 2).start();
    child.flush();
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn another_file_is_used_after_a_failed_sync() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on fsync, power loss");
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let service = |life| {
        let service = disk.service(&collector.url()).set("durability", "power");
        service.set("life", life)
    };
    let mut child = service(1).start();
    child.must("spans 1000");
    child.wait_for_durable(1000);
    // The sync fails when all of these are in its file.
    disk.set("sync=hold");
    child.must("spans 1000");
    disk.wait_until_held();
    disk.set("sync=eio");
    child.wait_for_health("the flight recorder: the disk: Input/output error");
    assert_ne!(disk.repair(), 0);
    child.must("spans 1000");
    child.wait_for_stderr(WORKS_AGAIN, 1);
    child.wait_for_durable(2000);
    child.must("spans 1000");
    child.wait_for_durable(3000);
    // It is unknown what the failed sync has written, so a later one does not make those spans durable either.
    assert_eq!(child.counts().durable, 3000);
    assert_eq!(child.stderr().matches(OUT_OF_ORDER).count(), 1);
    let claims = child.kill();

    collector.always(Answer::Accepted);
    let mut child = service(2).start();
    child.flush();
    // The process died, but not the machine.
    assert_eq!(claims.missing(collector.inbox()).len(), 0);
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn scopes_are_synced_again() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on fsync of scopes, power loss");
    let collector = Http::start();
    let service = disk.service(&collector.url()).set("durability", "power");
    let mut child = service.start();
    child.must("spans 1000");
    child.wait_for_durable(1000);
    disk.set("sync=eio only=/meta");
    // The requests have a scope of their own.
    child.must("calls 10");
    child.wait_for_health("the flight recorder: the disk: Input/output error");
    child.must("spans 1000");
    // Two more syncs have failed.
    disk.wait_for_faults(disk.faults() + 2);
    assert_eq!(child.counts().durable, 1000);
    assert_ne!(disk.repair(), 0);
    child.wait_for_durable(2010);
    child.wait_for_stderr(WORKS_AGAIN, 1);
    assert_eq!(child.stderr().matches(OUT_OF_ORDER).count(), 1);
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn spans_that_can_not_be_read_are_left_for_the_next_start() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on read");
    let collector = Http::start();
    // Spans that don't fill a batch wait for the flush.
    let service = disk.service(&collector.url()).set("delay-ms", 3_600_000);
    let mut child = service.start();
    disk.set("read=eio only=.spans");
    child.must("spans 3000");
    let answer = child.try_flush();
    assert!(answer.contains("Input/output error"), "{answer}");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.dropped_by("recorder_failed"), 3000, "{counts:?}");
    assert_ne!(disk.repair(), 0);
    child.must("spans 100");
    child.flush();
    assert_eq!(child.counts().exported, 100);
    row.run(&child.counts());
    child.shutdown();
    child.tell("exit");
    let (_, claims) = child.wait_for_end();

    let mut child = disk.service(&collector.url()).set("life", 2).start();
    child.flush();
    child.counts().assert_identity();
    row.lost(claims.missing(collector.inbox()).len());
    // Spans behind them in the same file.
    assert!(collector.inbox().duplicates() <= 100);
    row.print();
}

/// While each operation fails, and while a thread of the pipeline waits for an operation that is about to fail.
#[test]
fn requests_complete() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on write and fsync, power loss");
    let collector = Http::start();
    let service = disk.service(&collector.url()).set("durability", "power");
    let mut child = service.start();
    disk.set("write=hold sync=hold");
    // More than the prepared files have room for.
    child.must("spans 20000");
    disk.wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| disk.is_held()));
    disk.set("write=eio sync=eio");
    child.wait_for_health("the flight recorder: ");
    row.requests(requests_complete_while(&mut child, |child| {
        child.ask("health").contains("the flight recorder: ")
    }));
    disk.repair();
    child.try_flush();
    row.run(&child.counts());
    row.print();
}
