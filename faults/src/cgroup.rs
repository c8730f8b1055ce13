//! A memory limit for one process, which the kernel enforces by killing it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A control group. Removed on drop; its process has to have ended.
#[derive(Debug)]
pub struct MemoryLimit {
    dir: PathBuf,
    /// The file with the number of kills.
    kills: &'static str,
}

/// The folder, the file of the limit and that of the kills, for version 2 and version 1.
const VERSIONS: [(&str, &str, &str); 2] = [
    ("/sys/fs/cgroup", "memory.max", "memory.events"),
    (
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.oom_control",
    ),
];

impl MemoryLimit {
    /// A limit of so many bytes. `None` if this process may not make a group.
    #[must_use]
    #[allow(clippy::print_stderr)]
    pub fn new(bytes: u64) -> Option<Self> {
        for (root, limit, kills) in VERSIONS {
            let dir = Path::new(root).join(format!("lianlu-faults-{}", std::process::id()));
            if fs::create_dir(&dir).is_err() {
                continue;
            }
            let new = Self { dir, kills };
            // The file is missing if the controller is off.
            if new.has(limit) && new.write(limit, bytes).is_ok() {
                return Some(new);
            }
        }
        eprintln!("SKIPPED: the out-of-memory killer needs a control group (run as root)");
        None
    }

    fn has(&self, file: &str) -> bool {
        self.dir.join(file).exists()
    }

    fn write(&self, file: &str, what: u64) -> io::Result<()> {
        fs::write(self.dir.join(file), what.to_string())
    }

    /// Applies the limit to a process.
    ///
    /// # Panics
    ///
    /// If the kernel refuses it.
    pub fn add(&self, pid: u32) {
        self.write("cgroup.procs", u64::from(pid)).unwrap();
    }

    /// Number of processes that the kernel has killed in this group.
    ///
    /// # Panics
    ///
    /// If the kernel does not tell it.
    #[must_use]
    pub fn kills(&self) -> u64 {
        let events = fs::read_to_string(self.dir.join(self.kills)).unwrap();
        let line = events
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.dir);
    }
}
