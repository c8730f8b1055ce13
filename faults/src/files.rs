//! The files of a flight recorder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Answer, Http, Service};

/// Offset of a file's first record; `flight_recorder/mod.rs` draws the layout.
const HEADER: usize = 256;

/// The folders that lives of a service have left, the oldest first.
#[must_use]
pub fn run_folders(dir: &Path) -> Vec<PathBuf> {
    let mut runs = files_in(dir);
    runs.retain(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("run-")
    });
    runs
}

/// The files in a folder, sorted by name; none if the folder does not exist.
#[must_use]
pub fn files_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Copies a folder with its contents.
///
/// # Panics
///
/// On I/O errors.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in files_in(from) {
        let copy = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy_folder(&path, &copy),
            false => drop(fs::copy(&path, &copy).unwrap()),
        }
    }
}

/// Fills a folder with the files of a service that was killed after it had recorded so many spans. Returns the file with
/// the spans and the offset of each record; the last offset is the end of the records.
///
/// # Panics
///
/// If the service or the files are not as expected.
#[must_use]
pub fn record_file(dir: &Path, spans: usize) -> (PathBuf, Vec<usize>) {
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let service = Service::new(&collector.url()).recorder(dir);
    let mut child = service.set("max-bytes", 0).start();
    child.must(&format!("spans {spans}"));
    assert_eq!(child.kill().len(), spans);
    let runs = run_folders(dir);
    assert_eq!(runs.len(), 1, "{runs:?}");
    let is_used = |path: &PathBuf| {
        path.extension().is_some_and(|it| it == "spans")
            && length(&fs::read(path).unwrap(), HEADER) > 0
    };
    let file = files_in(&runs[0]).into_iter().find(is_used).unwrap();
    let bytes = fs::read(&file).unwrap();
    let mut places = vec![HEADER];
    while let Some(payload) = Some(length(&bytes, *places.last().unwrap())).filter(|it| *it > 0) {
        places.push(places.last().unwrap() + 16 + payload.next_multiple_of(8));
    }
    assert_eq!(places.len(), spans + 1);
    (file, places)
}

fn length(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize
}
