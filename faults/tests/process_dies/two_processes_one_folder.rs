//! Two processes are given one folder: the second is refused with the owner's process id, and the first is not affected.
//! When the first is dead the second gets the folder and exports its contents.

use lianlu_faults::{Answer, Disk, Http, Row, Service, requests_complete_while};

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

    collector.always(Answer::Accepted);
    let mut second = service(2).start();
    second.must("spans 100");
    second.flush();
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

/// The second process hangs while it reads the name of the owner.
#[test]
fn requests_of_the_first_complete() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("two processes, one folder, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut first = Service::new(&collector.url()).recorder(dir.path()).start();
    disk.set("read=hold only=/lock");
    let second = Service::new(&collector.url()).recorder(dir.path());
    let second = disk.wrap(second, dir.path());
    std::thread::scope(|scope| {
        let second = scope.spawn(|| second.try_start());
        disk.wait_until_held();
        row.requests(requests_complete_while(&mut first, |_| disk.is_held()));
        disk.repair();
        let error = second.join().unwrap().unwrap_err();
        assert!(error.contains("in use by process"), "{error}");
    });
    first.flush();
    let counts = first.counts();
    assert_eq!(counts.exported, counts.started, "{counts:?}");
    row.run(&counts);
    row.print();
}
