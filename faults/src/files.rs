//! The files of a flight recorder.

use std::fs;
use std::path::{Path, PathBuf};

/// The folders of lives, the oldest first.
#[must_use]
pub fn run_folders(dir: &Path) -> Vec<PathBuf> {
    entries(dir, "run-")
}

/// The files in a folder, by name.
#[must_use]
pub fn files_in(dir: &Path) -> Vec<PathBuf> {
    entries(dir, "")
}

/// The file of this name in the only life there is.
///
/// # Panics
///
/// When there are several lives, or none.
#[track_caller]
#[must_use]
pub fn file_named(dir: &Path, name: &str) -> PathBuf {
    let runs = run_folders(dir);
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].join(name)
}

fn entries(dir: &Path, start: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}
