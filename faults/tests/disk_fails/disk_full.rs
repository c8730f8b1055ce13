//! The recorder's disk, a tmpfs of 4 MiB, has no room left: nobody is killed by a signal, spans wait in memory, what has
//! no room there is counted, and when there is room again the recorder goes on.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lianlu_faults::{Answer, Http, Row, Service, undisturbed};

const SIZE: &str = "size=4m";

/// Mounted, and gone when it is dropped.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    /// `None` where this process may not mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", SIZE, "lianlu"])
            .arg(dir.path());
        if !mount.status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a disk that is full needs leave to mount a tmpfs (run as root)");
            return None;
        }
        Some(Self { dir })
    }

    fn recorder(&self) -> PathBuf {
        self.dir.path().join("recorder")
    }

    /// Fills all that is left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    fn free(&self) {
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.dir.path().join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.dir.path())
            .status();
    }
}

fn service(collector: &Http, dir: &Path) -> Service {
    Service::new(&collector.url())
        .recorder(dir)
        .set("max-bytes", 8 << 20)
}

#[test]
fn spans_wait_in_memory() {
    let Some(disk) = Disk::mount() else { return };
    let mut row = Row::new("disk full");
    let mut collector = Http::start();
    let mut child = service(&collector, &disk.recorder()).start();
    collector.stop();
    child.must("spans 60000");
    let counts = child.counts();
    counts.assert_identity();
    assert!(counts.dropped_by("queue_full") > 0, "{counts:?}");
    assert!(counts.durable > 1000, "{counts:?}");
    assert_eq!(
        counts.dropped(),
        counts.dropped_by("queue_full"),
        "{counts:?}"
    );
    child.wait_for_health("the flight recorder: No space left");

    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert_eq!(missing, counts.dropped(), "{counts:?}");
    // There is room again.
    child.must("spans 10");
    child.wait_for_health("Working");
    let said = child.stderr();
    assert_eq!(said.matches("out of order").count(), 1, "{said}");
    assert_eq!(
        said.matches("the flight recorder works again").count(),
        1,
        "{said}"
    );
    child.flush();
    row.run(&child.counts());
    row.print();
}

#[test]
fn requests_go_on() {
    let Some(disk) = Disk::mount() else { return };
    let mut row = Row::new("disk full and collector down");
    let collector = Http::start();
    let mut child = service(&collector, &disk.recorder()).start();
    let disk = RefCell::new(disk);
    row.ratio(undisturbed(
        &mut child,
        |child| {
            disk.borrow().free();
            collector.always(Answer::Accepted);
            child.flush();
        },
        |child| {
            disk.borrow().fill();
            collector.always(Answer::Nothing);
            // What was prepared is used up.
            child.must("spans 5000");
        },
    ));
    disk.borrow().free();
    collector.always(Answer::Accepted);
    child.flush();
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    assert!(missing <= counts.dropped(), "{counts:?}");
    row.run(&counts);
    row.print();
}

#[test]
fn no_room_from_the_start() {
    let Some(disk) = Disk::mount() else { return };
    disk.fill();
    let collector = Http::start();
    let error = service(&collector, &disk.recorder()).try_start();
    let error = error.unwrap_err();
    assert!(
        error.contains("recorder\" can't be used") && error.contains("No space"),
        "{error}"
    );
    disk.free();
    let mut child = service(&collector, &disk.recorder()).start();
    child.must("spans 10");
    child.flush();
}
