//! Two processes are given one folder: the second is told who has it, and the first does not notice. When it is dead the
//! second has the folder, and what was in it.
#![allow(missing_docs, clippy::unwrap_used)]

use std::cell::RefCell;
use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, Http, Meanwhile, Row, Service, undisturbed_by_work};

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
    row.run_after(&counts);
    row.print();
}

#[test]
fn requests_of_the_first_go_on() {
    let mut row = Row::new("two processes, one folder, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut first = Service::new(&collector.url()).recorder(dir.path()).start();
    let others = RefCell::new(None);
    row.ratio(undisturbed_by_work(
        &mut first,
        |first| {
            others.take();
            first.must("flush 10000");
        },
        |_| {
            let (url, dir) = (collector.url(), dir.path().to_owned());
            others.replace(Some(Meanwhile::new(move || {
                let second = Service::new(&url).recorder(&dir).try_start();
                assert!(second.unwrap_err().contains("in use by process"));
                sleep(Duration::from_millis(10));
            })));
        },
        |_| others.borrow().as_ref().map_or(0, Meanwhile::times),
    ));
    others.take();
    first.must("flush 10000");
    let counts = first.counts();
    assert_eq!(counts.exported, counts.started, "{counts:?}");
    row.run(&counts);
    row.print();
}
