//! A service has no memory left: the kernel kills it, or an allocation fails and it aborts, while it records. What had ended
//! arrives by the next life, and so do the calls that were open.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Answer, Child, Http, MemoryLimit, Row, Service};

const SPANS: usize = 5000;
const OPEN: usize = 3;
/// What a service starts with is a tenth of it.
const MEMORY: u64 = 128 << 20;
/// In KiB: threads have much that they don't use.
const ADDRESSES: u64 = 1 << 20;

#[test]
fn the_kernel_kills() {
    let Some(limit) = MemoryLimit::new(MEMORY) else {
        return;
    };
    let row = Row::new("out of memory, killed by the kernel");
    let limited = |child: &Child| limit.add(child.pid());
    what_had_ended_arrives(row, Service::new, limited, 9);
    assert_eq!(limit.kills(), 1);
}

#[test]
fn an_allocation_fails() {
    let row = Row::new("out of memory, an allocation fails");
    let service = |url: &str| Service::limited_to(ADDRESSES, url);
    what_had_ended_arrives(row, service, |_| {}, 6);
}

fn what_had_ended_arrives(
    mut row: Row,
    service: impl Fn(&str) -> Service,
    limited: impl Fn(&Child),
    wanted: i32,
) {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    collector.always(Answer::Nothing);
    let mut child = service(&collector.url()).recorder(dir.path()).start();
    limited(&child);
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("open {OPEN}"));
    child.must("run 2 8 500");
    child.tell("eat");
    let (signal, claims) = child.wait_for_signal();
    assert_eq!(signal, wanted);
    assert!(claims.len() > SPANS);

    collector.always(Answer::Taken);
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("life", 2).start();
    child.must("flush 10000");
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    // A span that a thread was about to end is one that is open.
    assert!(collector.inbox().unfinished().len() >= OPEN);
    assert_eq!(collector.inbox().duplicates(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}
