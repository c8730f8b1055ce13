//! An exporter panics at each third batch: those are lost and counted, and the others arrive. Requests go on.

use lianlu_faults::{Http, Row, Service, undisturbed_by};

#[test]
fn the_others_arrive() {
    for has_recorder in [false, true] {
        let mut row = Row::new("exporter panics");
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        let mut service = Service::new(&collector.url())
            .set("exporter", "panics")
            .set("delay-ms", 60_000);
        if has_recorder {
            service = service.recorder(dir.path());
        }
        let mut child = service.start();
        for batch in 1..=9 {
            child.must("spans 100");
            let said = child.try_flush();
            match batch % 3 {
                0 => assert!(said.contains("100 span(s) lost"), "{said}"),
                _ => assert_eq!(said, "ok"),
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

#[test]
fn requests_go_on() {
    for (fault, has_recorder) in [
        ("exporter panics, requests", false),
        ("exporter panics, recorder, requests", true),
    ] {
        let mut row = Row::new(fault);
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        let mut service = Service::new(&collector.url())
            .set("exporter", "panics")
            .set("delay-ms", 5);
        if has_recorder {
            service = service.recorder(dir.path());
        }
        let mut child = service.start();
        row.ratio(undisturbed_by(
            &mut child,
            |child| {
                child.must("good");
                child.try_flush();
            },
            |child| child.must("bad"),
            |child| child.counts().dropped_by("exporter_panicked"),
        ));
        child.try_flush();
        row.run(&child.counts());
        row.print();
    }
}
