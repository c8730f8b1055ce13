//! A disk that fails or is slow, as one process sees it.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Service;

/// A folder whose disk does what it is told to: a library that is preloaded stands before the system's calls. What is
/// mapped does not come by there.
#[derive(Debug)]
pub struct Disk {
    dir: tempfile::TempDir,
    hits: Cell<u64>,
}

impl Disk {
    /// A good one. `None` where there is no C compiler to make the library.
    #[must_use]
    #[allow(clippy::print_stderr)]
    pub fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("disk.c");
        fs::write(&source, include_str!("disk.c")).unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let new = Self {
            dir,
            hits: Cell::new(0),
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

    /// A service whose recorder is there.
    pub fn service(&self, url: &str) -> Service {
        let mut service = Service::new(url).recorder(&self.folder());
        service
            .command()
            .env("LD_PRELOAD", self.at("disk.so"))
            .env("LIANLU_DISK_FOLDER", self.folder())
            .env("LIANLU_DISK_CONTROL", self.at("control"))
            .env("LIANLU_DISK_HITS", self.at("hits"));
        service
    }

    /// From now on so: `sync=eio write=500`, in milliseconds; of `write`, `read`, `sync`, `list`, `stat`. With `only=…` on
    /// paths that have this in them, with `once` the next time alone.
    pub fn does(&self, what: &str) {
        replace(&self.at("control"), what);
    }

    /// Does what disks do. Gives how many operations have gone wrong since the last time.
    pub fn mend(&self) -> u64 {
        self.does("");
        let hits = fs::metadata(self.at("hits")).map_or(0, |file| file.len());
        hits - self.hits.replace(hits)
    }
}

/// In one piece: it is read at any moment.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, path).unwrap();
}
