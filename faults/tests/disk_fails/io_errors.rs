//! The recorder's disk fails with EIO while the service runs: nobody waits, nothing is lost that was promised, each loss is
//! counted, it is said once, and when the disk works again so does the recorder.

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, Disk, Http, Row, undisturbed};

const OUT_OF_ORDER: &str = "out of order";
const WORKS_AGAIN: &str = "the flight recorder works again";

#[test]
fn at_writes_spans_wait_in_memory() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on write");
    let mut collector = Http::start();
    let url = collector.url();
    collector.stop();
    let mut child = disk.service(&url).start();
    disk.set("write=eio");
    // More than the files have room for that are there already, and the memory.
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
fn after_a_failed_sync_another_file_is_taken() {
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
    disk.set("sync=eio");
    child.must("spans 1000");
    child.wait_for_health("the flight recorder: the disk: Input/output error");
    assert_ne!(disk.repair(), 0);
    child.must("spans 1000");
    child.wait_for_stderr(WORKS_AGAIN, 1);
    // What the failed sync has left on the disk nobody can tell, so it is not promised by a later one either.
    sleep(Duration::from_millis(300));
    assert_eq!(child.counts().durable, 2000);
    assert_eq!(child.stderr().matches(OUT_OF_ORDER).count(), 1);
    let claims = child.kill();

    collector.always(Answer::Accepted);
    let mut child = service(2).start();
    child.flush();
    // The process died, and the machine did not.
    assert_eq!(claims.missing(collector.inbox()).len(), 0);
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn what_spans_come_from_is_synced_again() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on fsync of scopes, power loss");
    let collector = Http::start();
    let service = disk.service(&collector.url()).set("durability", "power");
    let mut child = service.start();
    child.must("spans 1000");
    child.wait_for_durable(1000);
    disk.set("sync=eio only=/meta");
    // In a scope of its own.
    child.ask("calls 10");
    child.wait_for_health("the flight recorder: the disk: Input/output error");
    child.must("spans 1000");
    sleep(Duration::from_millis(300));
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
fn what_can_not_be_read_is_for_the_next_start() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on read");
    let collector = Http::start();
    // What fills no batch waits for the flush.
    let service = disk.service(&collector.url()).set("delay-ms", 60_000);
    let mut child = service.start();
    disk.set("read=eio only=.spans");
    child.must("spans 3000");
    let said = child.try_flush();
    assert!(said.contains("Input/output error"), "{said}");
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
    // Those that stand behind them in their file.
    assert!(collector.inbox().duplicates() <= 100);
    row.print();
}

#[test]
fn requests_go_on() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on write and fsync, power loss");
    let collector = Http::start();
    let service = disk.service(&collector.url()).set("durability", "power");
    let mut child = service.start();
    row.ratio(undisturbed(
        &mut child,
        |child| {
            disk.repair();
            child.try_flush();
        },
        |child| {
            disk.set("write=eio sync=eio");
            // What was prepared is used up.
            child.must("spans 20000");
        },
    ));
    disk.repair();
    child.try_flush();
    row.run(&child.counts());
    row.print();
}
