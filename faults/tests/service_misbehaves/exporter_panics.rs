//! An exporter panics at each third batch: those are lost and counted, the others arrive, and requests complete.

use lianlu_faults::{BATCH, Child, Http, Row, Service, requests_complete_while};

#[test]
fn other_batches_arrive() {
    for has_recorder in [false, true] {
        let mut row = Row::new("exporter panics");
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        let mut service = Service::new(&collector.url())
            .set("exporter", "panics")
            .set("delay-ms", 3_600_000);
        if has_recorder {
            service = service.recorder(dir.path());
        }
        let mut child = service.start();
        for batch in 1..=9 {
            child.must("spans 100");
            let answer = child.try_flush();
            match batch % 3 {
                0 => assert!(answer.contains("100 span(s) lost"), "{answer}"),
                _ => assert_eq!(answer, "ok"),
            }
        }
        child.must("calls 100");
        let counts = child.counts();
        assert_eq!(counts.dropped_by("exporter_panicked"), 300, "{counts:?}");
        assert_eq!(counts.exported, 600, "{counts:?}");
        let missing = child.claims().missing(collector.inbox()).len() as u64;
        assert_eq!(missing, counts.dropped());
        row.run(&counts);
        row.print();
    }
}

/// While the worker is in the middle of a panic.
#[test]
fn requests_complete() {
    for (fault, has_recorder) in [
        ("exporter panics, requests", false),
        ("exporter panics, recorder, requests", true),
    ] {
        let mut row = Row::new(fault);
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        let service = Service::new(&collector.url()).set("exporter", "panics");
        let mut child = match has_recorder {
            true => service.recorder(dir.path()),
            false => service,
        }
        .start();
        child.must("hold");
        // At least three batches.
        child.must(&format!("spans {}", 3 * BATCH));
        child.wait_until_held();
        row.requests(requests_complete_while(&mut child, Child::is_held));
        child.must("good");
        child.must("release");
        child.try_flush();
        let counts = child.counts();
        assert!(counts.dropped_by("exporter_panicked") > 0, "{counts:?}");
        assert_eq!(counts.waiting, 0, "{counts:?}");
        row.run(&counts);
        row.print();
    }
}
