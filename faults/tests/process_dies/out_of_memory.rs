//! A service has no memory left while it records: the kernel kills it, or an allocation fails and it aborts. The next life
//! exports the spans that had ended and the calls that were open.

use lianlu_faults::{Answer, Child, Http, MemoryLimit, Row, Service};

const SPANS: usize = 5000;
const OPEN: usize = 3;
/// Ten times what a service needs at its start.
const MEMORY: u64 = 128 << 20;
/// In KiB. Threads reserve much address space that they don't use.
const ADDRESSES: u64 = 1 << 20;

#[test]
fn the_kernel_kills_it() {
    let Some(limit) = MemoryLimit::new(MEMORY) else {
        return;
    };
    let row = Row::new("out of memory, killed by the kernel");
    let limited = |child: &Child| limit.add(child.pid());
    ended_spans_arrive(row, Service::new, limited, 9);
    assert_eq!(limit.kills(), 1);
}

#[test]
fn an_allocation_fails() {
    let row = Row::new("out of memory, an allocation fails");
    let service = |url: &str| Service::limited_to(ADDRESSES, url);
    ended_spans_arrive(row, service, |_| {}, 6);
}

fn ended_spans_arrive(
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

    collector.always(Answer::Accepted);
    let service = Service::new(&collector.url()).recorder(dir.path());
    let mut child = service.set("life", 2).start();
    child.flush();
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.waiting, 0, "{counts:?}");
    // The threads of `run` had open spans, too.
    assert!(collector.inbox().unfinished().len() >= OPEN);
    assert_eq!(collector.inbox().duplicates(), 0);
    row.killed(&claims, collector.inbox());
    row.print();
}
