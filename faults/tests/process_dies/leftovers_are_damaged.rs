//! A service exports what another has left, some of which is damaged, has an unknown version or can't be read: its own
//! requests complete meanwhile.

use std::fs::{self, OpenOptions};
use std::path::Path;

use lianlu_faults::{
    Answer, Claims, Disk, Http, Row, Service, copy_folder, record_file, requests_complete_while,
};

/// Spans of another life that are left as well: several batches.
const SPANS: usize = 2500;

#[test]
fn a_torn_tail() {
    let mut row = Row::new("tail torn, requests while the rest is exported");
    let dir = tempfile::tempdir().unwrap();
    let (file, places) = record_file(dir.path(), 3);
    let file = OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(places[3] as u64 - 10).unwrap();
    let found = check(dir.path(), &mut row);
    assert!(found.contains("torn: 1"), "{found}");
    row.print();
}

#[test]
fn a_flipped_bit() {
    let mut row = Row::new("a bit flipped, requests while the rest is exported");
    let dir = tempfile::tempdir().unwrap();
    let (file, places) = record_file(dir.path(), 3);
    let mut bytes = fs::read(&file).unwrap();
    bytes[places[1] + 20] ^= 1;
    fs::write(&file, bytes).unwrap();
    let found = check(dir.path(), &mut row);
    assert!(found.contains("damaged: 1"), "{found}");
    row.print();
}

#[test]
fn an_unknown_version() {
    let mut row = Row::new("unknown version of a file, requests while others are exported");
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = record_file(dir.path(), 3);
    let mut newer = fs::read(&file).unwrap();
    newer[8] += 1;
    fs::write(&file, newer).unwrap();
    let found = check(dir.path(), &mut row);
    assert!(found.contains("version 2"), "{found}");
    row.print();
}

/// First the collector hangs during the export of what can be read, then the disk hangs during the read of the next batch.
#[test]
fn the_disk_fails_and_hangs() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on reading leftovers, requests while the rest is exported");
    let model = tempfile::tempdir().unwrap();
    let (file, _) = record_file(model.path(), 3);
    let run = file.parent().unwrap().file_name().unwrap();
    let collector = Http::start();
    let claims = leave_spans(&disk.folder(), &collector);
    copy_folder(model.path(), &disk.folder());
    disk.set(&format!("read=eio only={}", run.display()));
    collector.gate().close();
    let mut child = disk.service(&collector.url()).set("life", 2).start();
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() == 1
    }));
    disk.set("read=hold only=.spans");
    collector.gate().open();
    disk.wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| disk.is_held()));
    disk.repair();
    child.flush();
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    let found = child.ask("found");
    assert!(found.contains("Input/output error"), "{found}");
    row.print();
}

/// Completes requests of a service while its first export of leftovers hangs: a folder of 2,500 spans, and the damaged one.
/// Returns the report of the recovery.
fn check(damaged: &Path, row: &mut Row) -> String {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let claims = leave_spans(dir.path(), &collector);
    copy_folder(damaged, dir.path());
    collector.gate().close();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("life", 2).start();
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() == 1
    }));
    collector.gate().open();
    child.flush();
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    child.ask("found")
}

/// Leaves the spans of a service that was killed while the collector did not answer.
fn leave_spans(dir: &Path, collector: &Http) -> Claims {
    collector.always(Answer::Nothing);
    let mut child = Service::new(&collector.url()).recorder(dir).start();
    child.must(&format!("spans {SPANS}"));
    let claims = child.kill();
    collector.always(Answer::Accepted);
    claims
}
