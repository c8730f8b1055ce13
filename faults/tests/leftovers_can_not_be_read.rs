//! The disk fails with EIO when a start reads what an earlier life has left: it is said, the service goes on, and what could
//! not be read stays there for a start at which the disk works.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Answer, BATCH, Claims, Disk, Http, Row, run_folders};

const SPANS: usize = 3000;
const OPEN: usize = 3;
const FAULTS: [&str; 7] = [
    "read=eio",
    "read=eio only=.spans",
    "read=eio only=/meta",
    "read=eio only=/calls",
    "stat=eio only=/meta",
    "stat=eio only=/calls",
    "list=eio",
];

#[test]
fn at_the_start() {
    let mut row = Row::new("EIO on reading leftovers");
    for fault in FAULTS {
        let Some(disk) = Disk::new() else { return };
        let collector = Http::start();
        let mut claims = leave_spans(&disk, &collector);
        let left = run_folders(&disk.folder());
        let run = left[0].file_name().unwrap().to_string_lossy();

        disk.does(&format!("{fault} only={run}"));
        let mut child = disk.service(&collector.url()).set("life", 2).start();
        child.wait_to_say("left as it is: ", 1);
        let said = child.said();
        assert!(
            said.contains(&*run) && said.contains("Input/output error"),
            "{fault}: {said}"
        );
        child.must("spans 100");
        child.must("flush 10000");
        let counts = child.counts();
        assert_eq!(counts.dropped(), 0, "{fault}: {counts:?}");
        assert_eq!(
            counts.exported - counts.recovered,
            100,
            "{fault}: {counts:?}"
        );
        counts.assert_identity();
        claims.extend(&child.kill());
        assert!(left[0].exists(), "{fault}");
        assert_ne!(disk.mend(), 0, "{fault}");

        let mut child = disk.service(&collector.url()).set("life", 3).start();
        child.must("flush 10000");
        assert_eq!(claims.missing(collector.inbox()).len(), 0, "{fault}");
        assert!(collector.inbox().duplicates() <= BATCH, "{fault}");
        assert_eq!(collector.inbox().unfinished().len(), OPEN, "{fault}");
        assert!(!left[0].exists(), "{fault}");
        row.killed(&claims, collector.inbox());
    }
    row.print();
}

#[test]
fn while_they_are_delivered() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on delivering leftovers, once");
    let collector = Http::start();
    let claims = leave_spans(&disk, &collector);
    collector.always(Answer::Nothing);
    let before = collector.inbox().requests().len();
    // What was asked once is not asked again before the flush.
    let service = disk.service(&collector.url()).set("retry-ms", 2000);
    let service = service.set("retry-max-ms", 2000).set("life", 2);
    let mut child = service.start();
    collector.inbox().wait_for(before + 1);
    disk.does("read=eio only=0001.spans once");
    collector.always(Answer::Taken);
    let said = child.ask("flush 10000");
    assert!(said.contains("Input/output error"), "{said}");
    let counts = child.counts();
    let failed = counts.dropped_by("recorder_failed");
    assert!((1..=BATCH as u64).contains(&failed), "{counts:?}");
    assert_eq!(counts.exported + failed, counts.recovered, "{counts:?}");
    counts.assert_identity();
    child.must("shutdown 10000");

    let mut child = disk.service(&collector.url()).set("life", 3).start();
    child.must("flush 10000");
    // And what stands behind them in their file once more.
    assert!(child.counts().recovered >= failed);
    row.killed(&claims, collector.inbox());
    drop(child);
    assert_eq!(run_folders(&disk.folder()).len(), 1, "the last life's");
    row.print();
}

/// What a service leaves that was killed while the collector did not answer.
fn leave_spans(disk: &Disk, collector: &Http) -> Claims {
    collector.always(Answer::Nothing);
    let mut child = disk.service(&collector.url()).start();
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("open {OPEN}"));
    let claims = child.kill();
    collector.always(Answer::Taken);
    claims
}
