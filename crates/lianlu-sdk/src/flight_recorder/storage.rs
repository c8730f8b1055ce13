//! The storage of files: the seam where tests inject faults.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use super::map::Map;

/// A folder of memory-mapped files.
pub(super) trait Storage: Debug + Send + Sync {
    /// Creates a file of `size` zeros, with all blocks allocated, and maps it.
    fn create(&self, name: &str, size: usize) -> io::Result<Box<dyn Region>>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Removes the folder.
    fn remove_all(&self) -> io::Result<()>;

    /// Syncs the directory entries.
    fn sync(&self) -> io::Result<()>;
}

/// A mapped file.
pub(super) trait Region: Debug + Send + Sync {
    fn words(&self) -> &[AtomicU64];

    /// Reads from this offset, bypassing the mapping: a disk error is an error here, not a signal.
    fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()>;

    /// Syncs the content.
    fn sync(&self) -> io::Result<()>;

    /// Faults in the pages for writing.
    fn touch(&self);
}

/// A folder on disk, readable only by its owner.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Creates the folder and its parents.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        create_folder(&path)?;
        Ok(Self(path))
    }
}

/// Creates a folder of mode 0700: spans contain information about users.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Creates a file of mode 0600.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Syncs a folder's entries. Does nothing on systems where folders cannot be opened.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

impl Storage for Folder {
    fn create(&self, name: &str, size: usize) -> io::Result<Box<dyn Region>> {
        let path = self.0.join(name);
        let file = create_file(&path)?;
        let made = fill(&file, size).and_then(|()| Map::new(&file));
        match made {
            Ok(map) => Ok(Box::new(Mapped {
                map,
                file: Mutex::new(file),
            })),
            Err(error) => {
                // The disk is probably full: free the space.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn remove_all(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.0)
    }

    fn sync(&self) -> io::Result<()> {
        sync_folder(&self.0)
    }
}

/// Writes zeros instead of leaving a hole: a hole has no blocks, so a full disk would be a signal
/// later instead of an error now.
fn fill(mut file: &File, size: usize) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; 64 * 1024];
    let mut left = size;
    while left > 0 {
        let (part, _) = ZEROS.split_at(left.min(ZEROS.len()));
        file.write_all(part)?;
        left -= part.len();
    }
    Ok(())
}

#[derive(Debug)]
struct Mapped {
    map: Map,
    file: Mutex<File>,
}

impl Region for Mapped {
    #[inline]
    fn words(&self) -> &[AtomicU64] {
        self.map.words()
    }

    fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at as u64))?;
        file.read_exact(buffer)
    }

    fn sync(&self) -> io::Result<()> {
        // On a separate handle: a sync may take long, and readers must not wait.
        let file = {
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.try_clone()?
        };
        file.sync_data()
    }

    fn touch(&self) {
        self.map.touch();
    }
}
