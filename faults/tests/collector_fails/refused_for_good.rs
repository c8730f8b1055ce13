//! The collector refuses a batch for good: it is dropped and counted once, not sent again, and with a recorder set aside
//! for people. What comes behind it arrives.

use std::fs;

use lianlu_faults::{Answer, Http, Row, Service, files_in, undisturbed_by};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

const STATUSES: [&str; 4] = [
    "400 Bad Request",
    "413 Content Too Large",
    "500 Internal Server Error",
    "501 Not Implemented",
];

#[test]
fn dropped_once_and_set_aside() {
    let mut row = Row::new("400, 413, 500, 501");
    for status in STATUSES {
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        collector.script(move |number| match number {
            0 => Answer::Status(status, Vec::new(), b"no".to_vec()),
            _ => Answer::Accepted,
        });
        let mut child = Service::new(&collector.url())
            .recorder(dir.path())
            .set("delay-ms", 10_000)
            .start();
        child.must("spans 100");
        let said = child.try_flush();
        assert!(
            said.contains("100 span(s) lost") && said.contains(&status[..3]),
            "{said}"
        );
        child.must("spans 50");
        child.flush();
        let counts = child.counts();
        assert_eq!(counts.dropped_by("export_failed"), 100, "{counts:?}");
        assert_eq!(counts.exported, 50, "{counts:?}");
        let requests = collector.inbox().requests();
        assert_eq!(requests.len(), 2, "{status}");

        let aside = files_in(&dir.path().join("rejected"));
        assert_eq!(aside.len(), 1);
        let bytes = fs::read(&aside[0]).unwrap();
        let kept = ExportTraceServiceRequest::decode(&*bytes).unwrap();
        let kept = &kept.resource_spans[0].scope_spans[0].spans;
        assert_eq!(*kept, requests[0].spans);
        row.run(&counts);

        // Nor does the next life send it.
        child.shutdown();
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.flush();
        assert_eq!(child.counts().recovered, 0);
        assert_eq!(collector.inbox().requests().len(), 2);
    }
    row.print();
}

#[test]
fn requests_go_on() {
    for (fault, has_recorder) in [
        ("400, 413, 500, 501 to everything", false),
        ("400, 413, 500, 501 to everything, recorder", true),
    ] {
        let mut row = Row::new(fault);
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        let mut service = Service::new(&collector.url());
        if has_recorder {
            service = service.recorder(dir.path());
        }
        let mut child = service.start();
        row.ratio(undisturbed_by(
            &mut child,
            |child| {
                collector.always(Answer::Accepted);
                child.try_flush();
            },
            |_| {
                collector.script(|number| {
                    Answer::Status(STATUSES[number % STATUSES.len()], Vec::new(), Vec::new())
                });
            },
            |_| collector.inbox().refused(),
        ));
        child.try_flush();
        let counts = child.counts();
        assert!(counts.dropped_by("export_failed") > 0, "{counts:?}");
        let aside = files_in(&dir.path().join("rejected"));
        assert_eq!(aside.is_empty(), !has_recorder, "{aside:?}");
        row.run(&counts);
        row.print();
    }
}
