//! A service sends what another has left, and some of that is damaged, of an unknown version, or not given by the disk: its
//! own requests go on.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use lianlu_faults::{
    Answer, Disk, Http, Row, Service, copy_folder, record_file, undisturbed_by_work,
};

/// Spans that are left besides: sending them takes longer than the requests.
const SPANS: usize = 2500;

#[test]
fn a_torn_tail() {
    let mut row = Row::new("tail torn, requests while the rest is sent");
    let dir = tempfile::tempdir().unwrap();
    let (file, places) = record_file(dir.path(), 3);
    let file = OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(places[3] as u64 - 10).unwrap();
    let found = check(dir.path(), &mut row);
    assert!(found.contains("torn: 1"), "{found}");
    row.print();
}

#[test]
fn a_bit_is_flipped() {
    let mut row = Row::new("a bit flipped, requests while the rest is sent");
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
    let mut row = Row::new("unknown version of a file, requests while others are sent");
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = record_file(dir.path(), 3);
    let mut newer = fs::read(&file).unwrap();
    newer[8] += 1;
    fs::write(&file, newer).unwrap();
    let found = check(dir.path(), &mut row);
    assert!(found.contains("version 2"), "{found}");
    row.print();
}

#[test]
fn the_disk_fails() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on reading leftovers, requests while the rest is sent");
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = record_file(dir.path(), 3);
    let run = file.parent().unwrap().file_name().unwrap();
    disk.does(&format!("read=eio only={}", run.display()));
    let service = |url: &str| disk.service(url);
    let found = check_by(service, &disk.folder(), dir.path(), &mut row);
    assert!(found.contains("Input/output error"), "{found}");
    row.print();
}

fn check(model: &Path, row: &mut Row) -> String {
    let dirs = tempfile::tempdir().unwrap();
    check_by(Service::new, dirs.path(), model, row)
}

/// Times requests while a service sends what is left in a folder like this one and by a service that was killed, and
/// requests of a service that finds an empty folder. Gives what was found.
fn check_by(service: impl Fn(&str) -> Service, dirs: &Path, model: &Path, row: &mut Row) -> String {
    let mut folders = (0..).map(|number: u32| dirs.join(number.to_string()));
    let mut next = || folders.next().unwrap();
    let collector = Http::start();
    let start = |folder: PathBuf| {
        collector.always(Answer::Nothing);
        let service = service(&collector.url()).recorder(&folder);
        let service = service.set("retry-ms", 1).set("retry-max-ms", 2);
        let mut child = service.start();
        // The first ones are slow, and nothing is sent before they are over.
        child.ask("calls 250");
        collector.always(Answer::Taken);
        child
    };
    let (empty, others) = (next(), next());
    let mut child = start(others.clone());
    collector.always(Answer::Nothing);
    child.must(&format!("spans {SPANS}"));
    let claims = child.kill();
    let mut child = start(empty.clone());
    row.ratio(undisturbed_by_work(
        &mut child,
        |child| {
            child.must("flush 10000");
            child.must("shutdown 10000");
            *child = start(empty.clone());
            child.must("flush 10000");
        },
        |child| {
            child.must("flush 10000");
            child.must("shutdown 10000");
            let folder = next();
            copy_folder(&others, &folder);
            copy_folder(model, &folder);
            *child = start(folder);
        },
        |child| {
            let counts = child.counts();
            counts.recovered.min(counts.exported)
        },
    ));
    child.must("flush 10000");
    child.counts().assert_identity();
    row.killed(&claims, collector.inbox());
    child.ask("found")
}
