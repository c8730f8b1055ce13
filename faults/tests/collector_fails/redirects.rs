//! A collector redirects to another host: spans and credentials are not sent there, and the loss is counted.

use lianlu_faults::{Answer, BATCH, Http, Row, Service, requests_complete_while};

const STATUSES: [&str; 4] = [
    "301 Moved",
    "302 Found",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

#[test]
fn are_not_followed() {
    let mut row = Row::new("redirects to another host");
    for status in STATUSES {
        let (here, there) = (Http::start(), Http::start());
        here.always(redirect(status, &there));
        let mut child = Service::new(&here.url()).set("delay-ms", 3_600_000).start();
        child.must("spans 100");
        let answer = child.try_flush();
        assert!(
            answer.contains("100 span(s) lost") && answer.contains("not followed"),
            "{answer}"
        );
        assert_eq!(here.inbox().requests().len(), 1);
        // While such an answer is on its way.
        here.gate().close();
        child.must(&format!("spans {BATCH}"));
        here.gate().wait_until_held();
        row.requests(requests_complete_while(&mut child, |_| {
            here.gate().held() == 1
        }));
        here.gate().open();
        child.try_flush();
        assert_eq!(there.inbox().requests().len(), 0);
        let counts = child.counts();
        assert_eq!(counts.exported + counts.waiting, 0, "{counts:?}");
        row.run(&counts);
    }
    row.print();
}

fn redirect(status: &'static str, there: &Http) -> Answer {
    let header = format!("location: {}/v1/traces", there.url());
    Answer::Status(status, vec![header], Vec::new())
}
