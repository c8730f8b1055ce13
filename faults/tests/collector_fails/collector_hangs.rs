//! The collector takes long to answer: requests go on, spans wait, and an attempt has a time-out of its own.

use std::time::Duration;

use lianlu_faults::{Answer, Http, Row, Service, undisturbed};

#[test]
fn slower_than_the_time_out() {
    let mut row = Row::new("collector slower than the time-out");
    let collector = Http::start();
    let mut child = Service::new(&collector.url())
        .set("timeout-ms", 100)
        .start();
    row.ratio(undisturbed(
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            child.flush();
        },
        |_| collector.always(Answer::Slow(Duration::from_secs(5))),
    ));
    child.must("spans 100");
    let said = child.ask("flush 500");
    assert!(said.contains("still wait"), "{said}");
    assert_eq!(child.counts().dropped(), 0);
    collector.always(Answer::Accepted);
    child.flush();
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}

#[test]
fn slow_and_within_it() {
    let mut row = Row::new("collector slow, 300 ms a request");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    collector.always(Answer::Slow(Duration::from_millis(300)));
    child.must("spans 2000");
    child.flush();
    assert_eq!(collector.inbox().duplicates(), 0);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}
