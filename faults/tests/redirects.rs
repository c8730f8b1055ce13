//! A collector points to another host: spans and credentials stay here, and the loss is counted.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Answer, Http, Row, Service};

#[test]
fn nobody_follows() {
    let mut row = Row::new("redirects to another host");
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let (here, there) = (Http::start(), Http::start());
        let header = format!("location: {}/v1/traces", there.url());
        here.always(Answer::Status(status, vec![header], Vec::new()));
        let mut child = Service::new(&here.url()).set("delay-ms", 10_000).start();
        child.must("spans 100");
        let said = child.ask("flush 10000");
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
