//! The folder and its lock.
//!
//! ```text
//! DIR/lock                one owner: an advisory lock, released by the system when the owner dies
//! DIR/run-<start>-<pid>/  one run of a process
//!       meta              resource and scopes
//!       calls             calls in flight
//!       000001.spans …    ended spans
//! DIR/rejected/           requests that a collector has rejected permanently
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::storage::create_folder;

/// Why a folder cannot be used for a flight recorder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// Another process, or another pipeline of this process, uses the folder.
    #[error(
        "the flight recorder's folder {dir:?} is in use by process {owner}: give each process its own folder"
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The owner's process id, if known.
        owner: String,
    },
    /// The system reported an error.
    #[error("the flight recorder's folder {dir:?} can't be used: {cause}")]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// More destinations than a file has cursors.
    #[error("the flight recorder supports at most 8 destinations, but there are {0}")]
    Destinations(usize),
    /// The recorder's thread could not be started.
    #[error("the flight recorder's thread could not be started: {0}")]
    Thread(#[source] io::Error),
}

/// The lock of a folder, released on drop.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(super) dir: PathBuf,
    lock: File,
    process: u32,
}

impl Owner {
    pub(super) fn take(dir: &Path) -> Result<Self, RecorderError> {
        let unusable = |cause| RecorderError::Unusable {
            dir: dir.to_owned(),
            cause,
        };
        create_folder(dir).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut lock = options.open(dir.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                let _ = lock.take(20).read_to_string(&mut owner);
                return Err(RecorderError::InUse {
                    dir: dir.to_owned(),
                    owner: owner.trim().to_owned(),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // Informational only, so errors such as a full disk are ignored.
        let _ = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self {
            dir: dir.to_owned(),
            lock,
            process: std::process::id(),
        })
    }

    /// The folder of a new run; later runs sort after earlier ones.
    pub(super) fn new_run(&self) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.unwrap_or_default().as_nanos();
        let name = format!("run-{nanos:020}-{}", std::process::id());
        self.dir.join(name)
    }
}

/// Unlocks explicitly instead of closing the file: a process being started by another thread has a
/// copy of the file until it executes its program. A forked child does not unlock.
impl Drop for Owner {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            let _ = self.lock.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free(dir: &Path) -> bool {
        match Owner::take(dir) {
            Ok(_) => true,
            Err(RecorderError::InUse { owner, .. }) => {
                assert_eq!(owner, std::process::id().to_string());
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_copied_file_handle_does_not_keep_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner::take(dir.path()).unwrap();
        let copy = owner.lock.try_clone().unwrap();
        assert!(!is_free(dir.path()));
        drop(owner);
        assert!(is_free(dir.path()));
        drop(copy);
    }

    #[test]
    fn a_forked_child_does_not_unlock() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner::take(dir.path()).unwrap();
        drop(Owner {
            dir: owner.dir.clone(),
            lock: owner.lock.try_clone().unwrap(),
            process: owner.process + 1,
        });
        assert!(!is_free(dir.path()));
        drop(owner);
        assert!(is_free(dir.path()));
    }
}
