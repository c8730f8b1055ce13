//! A collector points to another host: spans and credentials stay here, and the loss is counted.

use lianlu_faults::{Answer, Http, Row, Service, undisturbed_by};

const STATUSES: [&str; 4] = [
    "301 Moved",
    "302 Found",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

#[test]
fn nobody_follows() {
    let mut row = Row::new("redirects to another host");
    for status in STATUSES {
        let (here, there) = (Http::start(), Http::start());
        here.always(redirect(status, &there));
        let mut child = Service::new(&here.url()).set("delay-ms", 10_000).start();
        child.must("spans 100");
        let said = child.try_flush();
        assert!(
            said.contains("100 span(s) lost") && said.contains("not followed"),
            "{said}"
        );
        assert_eq!(here.inbox().requests().len(), 1);
        assert_eq!(there.inbox().requests().len(), 0);
        row.run(&child.counts());
    }
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("redirects to another host, requests");
    let (here, there) = (Http::start(), Http::start());
    let mut child = Service::new(&here.url()).start();
    let mut statuses = STATUSES.into_iter().cycle();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            here.always(Answer::Accepted);
            child.try_flush();
        },
        |_| here.always(redirect(statuses.next().unwrap(), &there)),
        |_| here.inbox().refused(),
    ));
    child.try_flush();
    assert_eq!(there.inbox().count(), 0);
    row.run(&child.counts());
    row.print();
}

fn redirect(status: &'static str, there: &Http) -> Answer {
    let header = format!("location: {}/v1/traces", there.url());
    Answer::Status(status, vec![header], Vec::new())
}
