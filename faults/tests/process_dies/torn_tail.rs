//! A file ends inside of its last record, at every byte of it: the earlier records arrive, and the tear is counted.

use std::fs::{self, OpenOptions};

use lianlu_faults::{Row, copy_folder, id, record_file, recovered};

#[test]
fn earlier_records_arrive() {
    let mut row = Row::new("tail torn at every byte");
    let model = tempfile::tempdir().unwrap();
    let (file, places) = record_file(model.path(), 3);
    let name = file.strip_prefix(model.path()).unwrap();
    let [.., last, end] = *places else {
        panic!("{places:?}")
    };
    for length in last..=end {
        let dir = tempfile::tempdir().unwrap();
        copy_folder(model.path(), dir.path());
        let torn = OpenOptions::new()
            .write(true)
            .open(dir.path().join(name))
            .unwrap();
        torn.set_len(length as u64).unwrap();
        let (found, spans) = recovered(dir.path());
        let ids: Vec<_> = spans.iter().map(|span| id(span).unwrap() & 0xff).collect();
        row.recovered(3, ids.len(), "torn");
        // The last bytes fill the record up to a multiple of 8.
        match ids.len() {
            3 => assert!(length > end - 8, "{length} of {end}"),
            _ => assert_eq!(ids, [0, 1], "{length} of {end}"),
        }
        assert_eq!(found.torn, 1, "{length} of {end}: {found:?}");
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "the lock alone"
        );
    }
    row.print();
}
