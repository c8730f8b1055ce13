//! A disk that fails or hangs, as one process sees it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::{PATIENCE, Service};

/// A folder on a disk that fails on demand: a preloaded library wraps the system calls. Access to mapped memory is not
/// affected.
#[derive(Debug)]
pub struct Disk {
    dir: tempfile::TempDir,
    counted: Cell<u64>,
}

impl Disk {
    /// A disk that works. `None` if there is no C compiler for the library.
    #[must_use]
    #[allow(clippy::print_stderr)]
    pub fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("disk.c");
        fs::write(&source, include_str!("disk.c")).unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let new = Self {
            dir,
            counted: Cell::new(0),
        };
        let mut cc = Command::new("cc");
        cc.args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(new.at("disk.so"))
            .arg(source)
            .arg("-ldl");
        match cc.status() {
            Ok(status) if status.success() => Some(new),
            failed => {
                eprintln!("SKIPPED: a disk that fails needs a C compiler, `cc` ({failed:?})");
                None
            }
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.at("folder")
    }

    /// A service with its recorder on this disk.
    pub fn service(&self, url: &str) -> Service {
        self.wrap(Service::new(url).recorder(&self.folder()), &self.folder())
    }

    /// Makes this the disk that a service sees in a folder.
    pub fn wrap(&self, mut service: Service, folder: &Path) -> Service {
        service
            .command()
            .env("LD_PRELOAD", self.at("disk.so"))
            .env("LIANLU_DISK_FOLDER", folder)
            .env("LIANLU_DISK_CONTROL", self.at("control"))
            .env("LIANLU_DISK_BEGUN", self.at("begun"))
            .env("LIANLU_DISK_ENDED", self.at("ended"));
        service
    }

    /// Sets the faults: `write=eio sync=hold`. Operations are `write`, `read`, `sync`, `list` and `stat`; faults are
    /// `eio`, `hold` (until this is set to something else) and a number of milliseconds. `only=…` limits them to paths
    /// that contain a text; `once` ends them after the first operation.
    pub fn set(&self, faults: &str) {
        let new = self.at("control.new");
        fs::write(&new, faults).unwrap();
        // The child reads the file at any moment, so it changes in one step.
        fs::rename(new, self.at("control")).unwrap();
    }

    /// Ends all faults, and returns how many operations failed or were held since the last call.
    pub fn repair(&self) -> u64 {
        self.set("");
        let begun = self.faults();
        begun - self.counted.replace(begun)
    }

    /// Number of operations that have met a fault.
    #[must_use]
    pub fn faults(&self) -> u64 {
        length(&self.at("begun"))
    }

    /// True if an operation is being held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let ended = length(&self.at("ended"));
        self.faults() > ended
    }

    /// Waits until an operation is held.
    #[track_caller]
    pub fn wait_until_held(&self) {
        self.wait("operation is held", Self::is_held);
    }

    /// Waits until so many operations have met a fault.
    #[track_caller]
    pub fn wait_for_faults(&self, wanted: u64) {
        self.wait("operation has met a fault", |disk| disk.faults() >= wanted);
    }

    #[track_caller]
    fn wait(&self, event: &str, has_come: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !has_come(self) {
            assert!(begun.elapsed() < PATIENCE, "no {event}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
