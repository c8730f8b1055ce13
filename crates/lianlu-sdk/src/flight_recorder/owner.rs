//! The folder, and who owns it.
//!
//! ```text
//! DIR/lock                one owner: an advisory lock, let go by the system when the owner dies
//! DIR/run-<start>-<pid>/  one life of a process
//!       meta              resource and scopes
//!       calls             calls that have not ended
//!       000001.spans …    spans that have
//! DIR/rejected/           requests that a collector has refused for good
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::storage::create_folder;

/// Why a folder can't be used for a flight recorder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// Another process has it, or another pipeline of this one.
    #[error(
        "the flight recorder's folder {dir:?} is in use by process {owner}: give each process one of its own"
    )]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The owner's process id, as far as it is known.
        owner: String,
    },
    /// The system refuses.
    #[error("the flight recorder's folder {dir:?} can't be used: {cause}")]
    Unusable {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// There are more destinations than a file has cursors.
    #[error("the flight recorder knows 8 destinations at most, and there are {0}")]
    Destinations(usize),
    /// The system gave no thread for it.
    #[error("no thread for the flight recorder: {0}")]
    Thread(#[source] io::Error),
}

/// Owns a folder as long as it lives.
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
        // For people, and no harm if the disk is full; the lock is what counts.
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

    /// A name for this life of the process: later ones come later in the alphabet.
    pub(super) fn new_run(&self) -> PathBuf {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let nanos = now.unwrap_or_default().as_nanos();
        let name = format!("run-{nanos:020}-{}", std::process::id());
        self.dir.join(name)
    }
}

/// Not by closing it: a process that another thread is starting has a copy of the file until it becomes its own program.
/// One that was forked for good has no say.
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
    fn a_copy_of_the_lock_does_not_keep_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let owner = Owner::take(dir.path()).unwrap();
        let copy = owner.lock.try_clone().unwrap();
        assert!(!is_free(dir.path()));
        drop(owner);
        assert!(is_free(dir.path()));
        drop(copy);
    }

    #[test]
    fn a_fork_does_not_let_go_of_it() {
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
