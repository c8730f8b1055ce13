//! One bit of a file of three records is flipped, at every byte: the other records arrive, and the damage is counted or,
//! in the header, the file is refused.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use lianlu_faults::{Row, id, record_file, recovered};

/// Number of recoveries at the same time: they mostly wait.
const AT_ONCE: usize = 4;

#[test]
fn other_records_arrive() {
    let row = Row::new("a bit flipped in each byte of 3 records");
    let model = tempfile::tempdir().unwrap();
    let (file, places) = record_file(model.path(), 3);
    let name = file.strip_prefix(model.path()).unwrap();
    let good = fs::read(&file).unwrap();
    let [first, .., end] = *places else {
        panic!("{places:?}")
    };
    let row = Mutex::new(row);
    let check = |at: usize, dir: &Path| {
        let copy = dir.join(name);
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(&copy, &bad).unwrap();
        let (found, spans) = recovered(dir);
        let ids: Vec<_> = spans.iter().map(|span| id(span).unwrap() & 0xff).collect();
        if !found.refused.is_empty() {
            assert!(at < first, "{at}: {found:?}");
            assert_eq!(fs::read(&copy).unwrap(), bad, "{at}: untouched");
            fs::remove_file(&copy).unwrap();
            row.lock().unwrap().recovered(3, 0, "file refused");
            return;
        }
        row.lock().unwrap().recovered(3, ids.len(), "damaged");
        let hit = places.iter().filter(|place| **place <= at).count();
        let others: Vec<_> = (0..3).filter(|id| *id + 1 != hit as i64).collect();
        match ids.len() {
            3 => assert_eq!(ids, [0, 1, 2], "{at}"),
            _ => {
                assert_eq!(ids, others, "{at}: {found:?}");
                assert_eq!(found.damaged, 1, "{at}: {found:?}");
            }
        }
    };
    thread::scope(|scope| {
        for thread in 0..AT_ONCE {
            let check = &check;
            scope.spawn(move || {
                let dir = tempfile::tempdir().unwrap();
                (thread..end)
                    .step_by(AT_ONCE)
                    .for_each(|at| check(at, dir.path()));
            });
        }
    });
    row.into_inner().unwrap().print();
}
