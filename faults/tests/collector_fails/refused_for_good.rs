//! The collector refuses a batch for good: it is dropped and counted once, not sent again, and with a recorder written to
//! the folder `rejected`. The next batch arrives.

use std::fs;

use lianlu_faults::{Answer, Child, Disk, Http, Row, Service, files_in, requests_complete_while};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

const STATUSES: [&str; 4] = [
    "400 Bad Request",
    "413 Content Too Large",
    "500 Internal Server Error",
    "501 Not Implemented",
];

#[test]
fn the_batch_is_dropped_once_and_kept_in_a_file() {
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
            .set("delay-ms", 3_600_000)
            .start();
        child.must("spans 100");
        let answer = child.try_flush();
        assert!(
            answer.contains("100 span(s) lost") && answer.contains(&status[..3]),
            "{answer}"
        );
        child.must("spans 50");
        child.flush();
        let counts = child.counts();
        assert_eq!(counts.dropped_by("export_failed"), 100, "{counts:?}");
        assert_eq!(counts.exported, 50, "{counts:?}");
        let requests = collector.inbox().requests();
        assert_eq!(requests.len(), 2, "{status}");

        let rejected = files_in(&dir.path().join("rejected"));
        assert_eq!(rejected.len(), 1);
        let bytes = fs::read(&rejected[0]).unwrap();
        let kept = ExportTraceServiceRequest::decode(&*bytes).unwrap();
        let kept = &kept.resource_spans[0].scope_spans[0].spans;
        assert_eq!(*kept, requests[0].spans);
        row.run(&counts);

        // The next life does not send it either.
        child.shutdown();
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.flush();
        assert_eq!(child.counts().recovered, 0);
        assert_eq!(collector.inbox().requests().len(), 2);
    }
    row.print();
}

/// Without a recorder while the refusal is on its way; with one, also while the disk holds the file of refused spans.
#[test]
fn requests_complete() {
    let mut row = Row::new("400, 413, 500, 501 to everything");
    for status in STATUSES {
        let collector = Http::start();
        collector.always(Answer::Status(status, Vec::new(), Vec::new()));
        let mut child = Service::new(&collector.url()).start();
        hold_an_answer(&mut child, &collector, &mut row);
        child.wait_for_health("Degraded");
        row.requests(requests_complete_while(&mut child, |child| {
            child.ask("health").starts_with("Degraded")
        }));
        child.try_flush();
        let counts = child.counts();
        assert_eq!(counts.dropped_by("export_failed"), counts.started);
        row.run(&counts);
    }
    row.print();
}

#[test]
fn requests_complete_while_refused_spans_are_written() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("400 to everything, recorder on a disk that hangs");
    let collector = Http::start();
    collector.always(Answer::Status("400 Bad Request", Vec::new(), Vec::new()));
    let mut child = disk.service(&collector.url()).start();
    disk.set("write=hold only=/rejected");
    hold_an_answer(&mut child, &collector, &mut row);
    disk.wait_until_held();
    row.requests(requests_complete_while(&mut child, |_| disk.is_held()));
    disk.repair();
    child.try_flush();
    let counts = child.counts();
    assert_eq!(counts.dropped_by("export_failed"), counts.started);
    assert!(!files_in(&disk.folder().join("rejected")).is_empty());
    row.run(&counts);
    row.print();
}

fn hold_an_answer(child: &mut Child, collector: &Http, row: &mut Row) {
    collector.gate().close();
    child.must("spans 100");
    collector.gate().wait_until_held();
    row.requests(requests_complete_while(child, |_| {
        collector.gate().held() == 1
    }));
    collector.gate().open();
}
