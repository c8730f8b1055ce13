//! A disk that fails or hangs, as one process sees it.

use std::cell::Cell;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::{PATIENCE, Service};

/// A folder on a disk that fails on demand: a preloaded library wraps the system calls. Access to mapped memory is not
/// affected.
#[derive(Debug)]
pub struct Disk {
    dir: tempfile::TempDir,
    library: PathBuf,
    counted: Cell<u64>,
}

impl Disk {
    /// A disk that works. `None` if there is no C compiler for the library.
    #[must_use]
    pub fn new() -> Option<Self> {
        let library = library()?;
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        Some(Self {
            dir,
            library,
            counted: Cell::new(0),
        })
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
            .env("LD_PRELOAD", &self.library)
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

/// Compiles the library, once for each version of its source. `None` if there is no C compiler.
#[allow(clippy::print_stderr)]
fn library() -> Option<PathBuf> {
    const SOURCE: &str = include_str!("disk.c");
    static COMPILED: Mutex<()> = Mutex::new(());
    let _one_at_a_time = COMPILED.lock();
    let mut hasher = DefaultHasher::new();
    SOURCE.hash(&mut hasher);
    // In the target folder, like the test.
    let test = env::current_exe().unwrap();
    let name = format!("faults-disk-{:x}.so", hasher.finish());
    let library = test.parent().unwrap().join(name);
    if library.exists() {
        return Some(library);
    }
    let dir = tempfile::tempdir_in(test.parent().unwrap()).unwrap();
    let (source, new) = (dir.path().join("disk.c"), dir.path().join("disk.so"));
    fs::write(&source, SOURCE).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-shared", "-fPIC", "-o"]);
    match cc.arg(&new).arg(source).arg("-ldl").status() {
        Ok(status) if status.success() => {
            fs::rename(new, &library).unwrap();
            Some(library)
        }
        failed => {
            eprintln!("SKIPPED: a disk that fails needs a C compiler, `cc` ({failed:?})");
            None
        }
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
