//! A file in the recorder's folder has an unknown format version: it is refused by name and not changed. A service that
//! knows the version exports it.

use std::fs;

use lianlu_faults::{Http, Row, Service, record_file, recovered};

/// Offset of the version.
const VERSION: usize = 8;

#[test]
fn the_file_is_refused_and_not_changed() {
    let mut row = Row::new("unknown version of a file");
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = record_file(dir.path(), 100);
    let good = fs::read(&file).unwrap();
    let mut newer = good.clone();
    newer[VERSION] += 1;
    fs::write(&file, &newer).unwrap();

    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("life", 2).start();
    child.must("spans 10");
    child.flush();
    let stderr = child.stderr();
    assert!(stderr.contains(&file.display().to_string()), "{stderr}");
    assert!(
        stderr.contains("left as it is") && stderr.contains("version 2"),
        "{stderr}"
    );
    let counts = child.counts();
    assert_eq!((counts.recovered, counts.exported), (0, 10));
    child.shutdown();
    row.run(&counts);
    assert_eq!(fs::read(&file).unwrap(), newer);

    fs::write(&file, &good).unwrap();
    let (found, spans) = recovered(dir.path());
    assert_eq!((found.spans, spans.len()), (100, 100));
    assert!(!file.exists());
    row.print();
}
