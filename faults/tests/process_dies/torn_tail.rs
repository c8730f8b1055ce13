//! A file ends inside of its last record, at every byte of it: the earlier records arrive, and the tear is counted.

use std::fs::{self, OpenOptions};
use std::sync::Mutex;
use std::thread;

use lianlu_faults::{Row, copy_folder, id, record_file, recovered};

/// Number of recoveries at the same time: they mostly wait.
const AT_ONCE: usize = 4;

#[test]
fn earlier_records_arrive() {
    let row = Row::new("tail torn at every byte");
    let model = tempfile::tempdir().unwrap();
    let (file, places) = record_file(model.path(), 3);
    let name = file.strip_prefix(model.path()).unwrap();
    let [.., last, end] = *places else {
        panic!("{places:?}")
    };
    let row = Mutex::new(row);
    let check = |length: usize| {
        let dir = tempfile::tempdir().unwrap();
        copy_folder(model.path(), dir.path());
        let torn = OpenOptions::new()
            .write(true)
            .open(dir.path().join(name))
            .unwrap();
        torn.set_len(length as u64).unwrap();
        let (found, spans) = recovered(dir.path());
        let ids: Vec<_> = spans.iter().map(|span| id(span).unwrap() & 0xff).collect();
        row.lock().unwrap().recovered(3, ids.len(), "torn");
        // The last bytes fill the record up to a multiple of 8.
        match ids.len() {
            3 => assert!(length > end - 8, "{length} of {end}"),
            _ => assert_eq!(ids, [0, 1], "{length} of {end}"),
        }
        assert_eq!(found.torn, 1, "{length} of {end}: {found:?}");
        let files = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 1, "only the lock is left");
    };
    thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            let check = &check;
            scope.spawn(move || (last + thread..=end).step_by(AT_ONCE).for_each(check));
        }
    });
    row.into_inner().unwrap().print();
}
