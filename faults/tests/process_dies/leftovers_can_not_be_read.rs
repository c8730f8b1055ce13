//! The disk fails with EIO when a service reads what an earlier life has left: the error is reported, the service works, and
//! what it could not read stays for a later start.

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
fn a_later_start_reads_the_rest() {
    let mut row = Row::new("EIO on reading leftovers");
    for fault in FAULTS {
        let Some(disk) = Disk::new() else { return };
        let collector = Http::start();
        let mut claims = leave_spans(&disk, &collector);
        let left = run_folders(&disk.folder());
        let run = left[0].file_name().unwrap().to_string_lossy();

        disk.set(&format!("{fault} only={run}"));
        let mut child = disk.service(&collector.url()).set("life", 2).start();
        child.wait_for_stderr("left as it is: ", 1);
        let stderr = child.stderr();
        assert!(
            stderr.contains(&*run) && stderr.contains("Input/output error"),
            "{fault}: {stderr}"
        );
        child.must("spans 100");
        child.flush();
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
        assert_ne!(disk.repair(), 0, "{fault}");

        let mut child = disk.service(&collector.url()).set("life", 3).start();
        child.flush();
        assert_eq!(claims.missing(collector.inbox()).len(), 0, "{fault}");
        assert!(collector.inbox().duplicates() <= BATCH, "{fault}");
        assert_eq!(collector.inbox().unfinished().len(), OPEN, "{fault}");
        assert!(!left[0].exists(), "{fault}");
        row.killed(&claims, collector.inbox());
    }
    row.print();
}

#[test]
fn an_error_during_the_export_is_counted() {
    let Some(disk) = Disk::new() else { return };
    let mut row = Row::new("EIO on exporting leftovers, once");
    let collector = Http::start();
    let claims = leave_spans(&disk, &collector);
    // The first request hangs while the disk begins to fail.
    collector.always(Answer::Nothing);
    collector.gate().close();
    let mut child = disk.service(&collector.url()).set("life", 2).start();
    collector.gate().wait_until_held();
    disk.set("read=eio only=0001.spans once");
    collector.always(Answer::Accepted);
    collector.gate().open();
    let answer = child.try_flush();
    assert!(answer.contains("Input/output error"), "{answer}");
    let counts = child.counts();
    let failed = counts.dropped_by("recorder_failed");
    assert!((1..=BATCH as u64).contains(&failed), "{counts:?}");
    assert_eq!(counts.exported + failed, counts.recovered, "{counts:?}");
    counts.assert_identity();
    child.shutdown();

    let mut child = disk.service(&collector.url()).set("life", 3).start();
    child.flush();
    // Including the spans behind them in the same file.
    assert!(child.counts().recovered >= failed);
    row.killed(&claims, collector.inbox());
    drop(child);
    assert_eq!(run_folders(&disk.folder()).len(), 1, "the last life's");
    row.print();
}

/// Leaves the spans of a service that was killed while the collector did not answer.
fn leave_spans(disk: &Disk, collector: &Http) -> Claims {
    collector.always(Answer::Nothing);
    let mut child = disk.service(&collector.url()).start();
    child.must(&format!("spans {SPANS}"));
    child.must(&format!("open {OPEN}"));
    let claims = child.kill();
    collector.always(Answer::Accepted);
    claims
}
