//! Writes and syncs of the recorder's disk hang or are slow: requests complete, spans without a prepared file wait in memory,
//! everything arrives, and durable spans survive a kill.

use lianlu_faults::{Disk, Http, Row, Service, requests_complete_while};

const SLOW: &str = "sync=100 write=100";
const HANGS: &str = "sync=hold write=hold";

fn service(disk: &Disk, collector: &Http) -> Service {
    let service = disk.service(&collector.url());
    service.set("durability", "power")
}

#[test]
fn requests_complete() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("disk hangs");
    let collector = Http::start();
    let mut child = service(&disk, &collector).start();
    disk.set(HANGS);
    // More than the prepared files have room for.
    child.must("spans 35000");
    disk.wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| disk.is_held()));
    disk.repair();
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped_by("queue_full"), "{counts:?}");
    row.run(&counts);
    row.print();
}

#[test]
fn durable_spans_survive_a_kill() {
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
fn a_shutdown_does_not_wait_for_the_disk() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("disk hangs, shutdown");
    let collector = Http::start();
    let mut child = service(&disk, &collector).start();
    disk.set(HANGS);
    child.must("spans 35000");
    disk.wait_until_held();
    child.shutdown();
    assert!(disk.is_held());
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}
