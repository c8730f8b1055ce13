//! The collector resets connections in the middle of a request, closes them without an answer, and closes and opens its
//! port: every span arrives, and accepted ones are not sent again.

use lianlu_faults::{Answer, Http, Random, Row, Service, requests_complete_while};

#[test]
fn connections_are_reset_in_the_middle_of_a_request() {
    let mut row = Row::new("collector resets mid-body");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    // Half of the body is read.
    collector.always(Answer::Reset(50));
    collector.gate().close();
    child.must("spans 500");
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| {
        collector.gate().held() == 1
    }));
    let mut random = Random::new(14);
    collector.script(move |_| match random.below(4) {
        0 => Answer::Accepted,
        1 => Answer::Nothing,
        _ => Answer::Reset(random.below(100) as usize),
    });
    collector.gate().open();
    for _ in 0..10 {
        child.must("spans 500");
    }
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    // A request whose connection is closed without an answer does not count as accepted.
    assert_eq!(collector.inbox().duplicates(), 0);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}

#[test]
fn the_port_closes_and_opens() {
    let mut row = Row::new("collector comes and goes");
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url())
        // Room for all spans of a closed port, however long that takes.
        .set("queue-size", 1_000_000)
        .set("queue-bytes", 1 << 30)
        .start();
    child.must("run 2 8 20000");
    for time in 1..=10 {
        collector.stop();
        child.wait_for_stderr("spans wait", time);
        child.wait_for_health("Degraded");
        row.requests(requests_complete_while(&mut child, |child| {
            child.ask("health").starts_with("Degraded")
        }));
        collector.resume();
        child.wait_for_stderr("the exporter works again", time);
    }
    child.must("stop");
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.dropped(), counts.waiting), (0, 0), "{counts:?}");
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}
