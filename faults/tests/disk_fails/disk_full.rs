//! The recorder's disk, a tmpfs of 4 MiB, is full: no signal kills the service, spans wait in memory, those without room there
//! are counted, and the recorder works again when there is room.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lianlu_faults::{Http, Row, Service, requests_complete_while};

const SIZE: &str = "size=4m";

/// A mounted tmpfs. Unmounted on drop.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    /// `None` if this process may not mount.
    fn mount() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", SIZE, "lianlu"])
            .arg(dir.path());
        if !mount.status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a full disk is a tmpfs, which only root can mount");
            return None;
        }
        Some(Self { dir })
    }

    fn recorder(&self) -> PathBuf {
        self.dir.path().join("recorder")
    }

    /// Fills the rest of the disk.
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
fn spans_wait_in_memory_and_requests_complete() {
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
    row.requests(requests_complete_while(&mut child, |child| {
        child.ask("health").contains("No space left")
    }));

    collector.resume();
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    let missing = child.claims().missing(collector.inbox()).len() as u64;
    // The others are spans of requests.
    let dropped = counts.dropped();
    assert!(
        missing <= dropped && dropped <= missing + 1200,
        "{counts:?}"
    );
    // The recorder has room again.
    child.must("spans 10");
    child.wait_for_health("Working");
    let stderr = child.stderr();
    assert_eq!(stderr.matches("out of order").count(), 1, "{stderr}");
    let again = stderr.matches("the flight recorder works again").count();
    assert_eq!(again, 1, "{stderr}");
    child.flush();
    row.run(&child.counts());
    row.print();
}

#[test]
fn a_start_without_room_is_refused() {
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
