//! Requests that a collector has rejected permanently, kept for inspection.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::storage::{create_file, create_folder};

/// Maximum size of all files together. Later requests are not kept.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The folder `rejected`: each file is an `ExportTraceServiceRequest`.
#[derive(Debug)]
pub(crate) struct Rejected(PathBuf);

impl Rejected {
    pub(super) fn new(dir: &Path) -> Self {
        Self(dir.join("rejected"))
    }

    /// Saves a request; returns its path. `None` if the folder is full.
    pub(crate) fn put(&self, request: &[u8]) -> io::Result<Option<PathBuf>> {
        create_folder(&self.0)?;
        let mut bytes = request.len() as u64;
        for entry in fs::read_dir(&self.0)? {
            bytes = bytes.saturating_add(entry?.metadata()?.len());
        }
        if bytes > MAX_BYTES {
            return Ok(None);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let name = format!("{:020}.otlp", now.unwrap_or_default().as_nanos());
        let path = self.0.join(name);
        create_file(&path)?.write_all(request)?;
        Ok(Some(path))
    }
}
