//! A file in the recorder's folder is of a version that this one does not know: it is refused, with its name, and left as
//! it is. A version that knows it delivers it.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;

use lianlu_faults::{Http, Row, Service, record_file, recovered};

/// Where the version is.
const VERSION: usize = 8;

#[test]
fn refused_and_untouched() {
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
    child.must("flush 10000");
    let said = child.said();
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert!(
        said.contains("left as it is") && said.contains("version 2"),
        "{said}"
    );
    let counts = child.counts();
    assert_eq!((counts.recovered, counts.exported), (0, 10));
    child.must("shutdown 10000");
    row.run(&counts);
    assert_eq!(fs::read(&file).unwrap(), newer);

    fs::write(&file, &good).unwrap();
    let (found, spans) = recovered(dir.path());
    assert_eq!((found.spans, spans.len()), (100, 100));
    assert!(!file.exists());
    row.print();
}
