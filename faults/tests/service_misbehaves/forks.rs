//! A service forks while its threads record. The forked process has their locks and none of the threads: it records nothing,
//! sends nothing and does not hang, and the service is not affected.

use std::collections::HashSet;

use lianlu_faults::{Grpc, Http, Row, Service, requests_complete_beside, requests_complete_while};

const FORKS: usize = 20;

#[test]
fn a_fork_while_threads_record() {
    let mut row = Row::new("fork, HTTP, recorder");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.must("open 3");
    child.must("run 3 8 500");
    for _ in 0..FORKS {
        child.must("fork");
    }
    child.must("stop");
    child.must("end");
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.open, counts.waiting), (0, 0), "{counts:?}");
    assert_eq!(collector.inbox().duplicates(), 0);
    assert_eq!(collector.inbox().unfinished().len(), 0);
    let ids = collector.inbox().accepted_ids();
    // Three were open and are not claimed.
    assert_eq!(ids.len(), child.claims().len() + 3, "nothing of the forks");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    // The forks have released the folder and left nothing in it.
    child.shutdown();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    row.print();
}

#[test]
fn a_fork_while_a_request_is_on_its_way() {
    let mut row = Row::new("fork, gRPC");
    let collector = Grpc::start();
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let mut child = service.start();
    child.must("run 2 8 1000");
    for _ in 0..FORKS {
        child.must("fork");
    }
    child.must("stop");
    child.flush();
    assert_eq!(collector.inbox().duplicates(), 0);
    let counts = child.counts();
    let missing = child.claims().missing(collector.inbox()).len();
    assert_eq!(missing as u64, counts.dropped(), "{counts:?}");
    let taken = collector.inbox().accepted_ids().len();
    assert_eq!(
        taken + missing,
        child.claims().len(),
        "nothing of the forks"
    );
    row.run(&counts);
    row.print();
}

/// While a forked process is alive, and beside many forks.
#[test]
fn requests_complete() {
    let mut row = Row::new("fork, requests");
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
    child.must("fork-open");
    row.requests(requests_complete_while(&mut child, |child| {
        child.ask("fork-is-alive") == "true"
    }));
    child.must("fork-finish");
    row.requests(requests_complete_beside(&mut child, "fork"));
    row.run(&child.counts());
    row.print();
}
