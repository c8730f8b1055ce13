//! Where files are: the seam at which tests put faults in.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use super::map::Map;

/// A folder of files that are written through memory.
pub(super) trait Storage: Debug + Send + Sync {
    /// Makes a file of `size` zeros, which the disk has room for, and maps it.
    fn create(&self, name: &str, size: usize) -> io::Result<Box<dyn Region>>;

    /// Takes a file away.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Takes all of it away.
    fn remove_all(&self) -> io::Result<()>;

    /// Has the disk know which files there are.
    fn sync(&self) -> io::Result<()>;
}

/// A mapped file.
pub(super) trait Region: Debug + Send + Sync {
    fn words(&self) -> &[AtomicU64];

    /// Reads from this byte on, past the mapping: a disk that fails here is an error, and no signal.
    fn read(&self, at: usize, buffer: &mut [u8]) -> io::Result<()>;

    /// Has the disk know what was stored.
    fn sync(&self) -> io::Result<()>;

    /// Puts the pages in place again.
    fn touch(&self);
}

/// A folder on a disk. Only its owner reads it.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, and those above it.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        create_folder(&path)?;
        Ok(Self(path))
    }
}

/// Folders of mode 0700: spans tell much about users.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A new file of mode 0600.
pub(super) fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Has the disk know of a folder's entries. Not everywhere can a folder be opened: then the system does without.
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
                // Of a full disk, most likely: its room is given back.
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

/// Zeros, written and not left out: a hole has no block, and a full disk is an error here and a signal later.
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
        // By a handle of its own: it may take long, and readers don't wait.
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
