//! The recorder's folder can't be made, or not be written to: the pipeline does not start, and the error names the folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use lianlu_faults::{Http, Row, Service};

/// The user `nobody`; root may write everywhere.
const NOBODY: u32 = 65_534;

#[test]
fn missing_folders_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("not/there/yet");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).recorder(&dir).start();
    child.must("spans 1");
    for (path, mode) in [(dir.clone(), 0o700), (dir.join("lock"), 0o600)] {
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{path:?}");
    }
}

#[test]
fn a_path_through_a_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    let below = dir.path().join("file/recorder");
    refused(
        Service::new("http://localhost:1"),
        &below,
        "Not a directory",
    );
}

#[test]
fn a_read_only_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("recorder");
    fs::create_dir(&folder).unwrap();
    for (path, mode) in [(dir.path(), 0o755), (&folder, 0o555)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    refused(as_another_user(dir.path()), &folder, "Permission denied");
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("recorder");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    if chown(&folder, Some(1), None).is_err() {
        // Only root can give it away.
        return;
    }
    refused(as_another_user(dir.path()), &folder, "Permission denied");
}

/// A child that is not root. It may have no access to the build's folder, so it runs a copy in this one.
fn as_another_user(dir: &Path) -> Service {
    let mut service = Service::new("http://localhost:1");
    let copy = dir.join("service");
    fs::copy(service.command().get_program(), &copy).unwrap();
    let mut service = Service::at(&copy, "http://localhost:1");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        service.command().uid(NOBODY).gid(NOBODY);
    }
    service
}

#[track_caller]
fn refused(service: Service, dir: &Path, why: &str) {
    let error = service.recorder(dir).try_start().unwrap_err();
    assert!(error.contains(&format!("{dir:?} can't be used")), "{error}");
    assert!(error.contains(why), "{error}");
    let mut row = Row::new("folder not usable");
    row.refused();
    row.print();
}
