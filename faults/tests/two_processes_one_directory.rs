//! Two processes are given one folder: the second is told who has it, and the first does not notice. When it is dead the
//! second has the folder, and what was in it.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Answer, Http, Row, Service};

#[test]
fn the_second_is_refused() {
    let mut row = Row::new("two processes, one folder");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let service = |life| {
        let service = Service::new(&collector.url()).recorder(dir.path());
        service.set("life", life)
    };
    let mut first = service(1).start();
    first.must("spans 100");
    let error = service(2).try_start().unwrap_err();
    let owner = format!("in use by process {}", first.pid());
    assert!(error.contains(&owner), "{error}");
    first.must("spans 100");
    let claims = first.kill();

    collector.always(Answer::Taken);
    let mut second = service(2).start();
    second.must("spans 100");
    second.must("flush 10000");
    let counts = second.counts();
    assert_eq!(
        (counts.recovered, counts.exported),
        (200, 300),
        "{counts:?}"
    );
    row.killed(&claims, collector.inbox());
    row.run(&counts);
    row.print();
}
