//! Child processes, killed at the end of a test.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Makes a hang a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A child process, killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`, without standard input.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child }
    }

    /// True if it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Reads standard output up to a line with `prefix`, and returns the rest of the line. Later
    /// output is discarded.
    ///
    /// # Panics
    ///
    /// If the process ends first.
    pub fn wait_for_line(&mut self, prefix: &str) -> String {
        let out = self.child.stdout.take().expect("stdout is piped");
        let mut out = BufReader::new(out);
        let mut line = String::new();
        loop {
            line.clear();
            let read = out.read_line(&mut line).expect("readable output");
            assert!(read > 0, "the process ended without a line {prefix:?}");
            if let Some(rest) = line.trim_end().strip_prefix(prefix) {
                let rest = rest.trim().to_owned();
                std::thread::spawn(move || {
                    let _ = out.read_to_end(&mut Vec::new());
                });
                return rest;
            }
        }
    }

    /// Sends SIGTERM, and waits for the end.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|sent| sent.success()), "kill -TERM {pid}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < deadline, "{pid} does not stop at SIGTERM");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds a binary of this workspace, which `cargo test` does not, and returns its path.
///
/// # Panics
///
/// If it does not build.
#[must_use]
pub fn workspace_binary(package: &str) -> std::path::PathBuf {
    let this = std::env::current_exe().expect("a path of this test");
    // target/debug/deps/test
    let folder = this.ancestors().nth(2).expect("a target folder");
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--package", package])
        .arg("--target-dir")
        .arg(folder.parent().expect("a target folder"))
        .current_dir(Path::new(crate::peers::HERE));
    if folder.ends_with("release") {
        build.arg("--release");
    }
    let status = build.status().expect("cargo");
    assert!(status.success(), "{package} does not build");
    folder.join(package)
}
