//! The recorder's disk takes its time for each write and each fsync: requests go on, spans that find no file prepared wait
//! in memory, everything arrives, and what counts as durable is.

use lianlu_faults::{Disk, Http, Row, Service, undisturbed};

const SLOW: &str = "sync=500 write=500";
/// Longer than anybody waits here.
const HANGS: &str = "sync=60000 write=60000";

fn service(disk: &Disk, collector: &Http) -> Service {
    let service = disk.service(&collector.url());
    service.set("durability", "power")
}

#[test]
fn requests_go_on() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("slow disk, a minute a write or fsync");
    let collector = Http::start();
    let mut child = service(&disk, &collector).start();
    row.ratio(undisturbed(
        &mut child,
        |child| {
            disk.repair();
            child.flush();
        },
        |child| {
            disk.set(HANGS);
            // What was prepared is used up.
            child.must("spans 35000");
        },
    ));
    disk.repair();
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert_eq!(missing, counts.dropped_by("queue_full"), "{counts:?}");
    row.run(&counts);
    row.print();
}

#[test]
fn what_is_durable_is_there_after_a_kill() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("slow disk and collector down, kill -9");
    let mut collector = Http::start();
    let (early, late) = (service(&disk, &collector), service(&disk, &collector));
    collector.stop();
    let mut child = early.start();
    disk.set(SLOW);
    child.must("spans 1000");
    child.wait_for_durable(1000);
    child.must("spans 30000");
    let counts = child.counts();
    counts.assert_identity();
    let claims = child.kill();
    assert_ne!(disk.repair(), 0);

    collector.resume();
    let mut child = late.set("life", 2).start();
    child.flush();
    child.counts().assert_identity();
    let missing = claims.missing(collector.inbox()).len() as u64;
    assert!(missing <= 31_000 - counts.durable, "{missing}, {counts:?}");
    row.killed(&claims, collector.inbox());
    row.print();
}

#[test]
fn a_shutdown_ends() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("slow disk, shutdown");
    let collector = Http::start();
    let mut child = service(&disk, &collector).start();
    disk.set(HANGS);
    child.must("spans 35000");
    // The recorder's thread is not waited for longer than five seconds.
    child.shutdown();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}
