//! The wall clock steps back an hour and forward a day while spans are open. No duration is negative, and no call takes an
//! hour.

use std::fs;
use std::path::Path;

use lianlu_faults::{Http, Row, Service};

/// Of Debian's package `libfaketime`.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const MINUTE: u64 = 60_000_000_000;

#[test]
fn spans_and_requests_survive_steps_of_the_system_clock() {
    if !has_faketime() {
        return;
    }
    let mut row = Row::new("clock stepped by -1 h, +1 d");
    let dir = tempfile::tempdir().unwrap();
    let clock = dir.path().join("clock");
    fs::write(&clock, "+0").unwrap();
    let collector = Http::start();
    let recorder = dir.path().join("recorder");
    let service = || service(&collector, &recorder, &clock);
    let mut child = service().start();
    let mut stepped = 0;
    for step in ["-3600", "+86400", "+0"] {
        child.must("open 50");
        child.must("calls-wait 50");
        let before: u64 = child.ask("clock").parse().unwrap();
        step_to(&clock, step);
        let after: u64 = child.ask("clock").parse().unwrap();
        stepped += usize::from(after.abs_diff(before) > 50 * MINUTE);
        child.must("end");
        child.must("calls-finish");
        child.must("spans 50");
        child.must("calls 50");
    }
    assert_eq!(stepped, 3, "the clock does not step");
    child.flush();
    // A crash, and the next start an hour earlier.
    child.must("open 50");
    step_to(&clock, "-3600");
    row.run(&child.counts());
    row.lost(child.kill().missing(collector.inbox()).len());
    let mut child = service().set("life", 2).start();
    child.flush();
    assert_eq!(collector.inbox().unfinished().len(), 50);
    // The calls that were open.
    row.run(&child.counts());
    let spans = collector.inbox().spans();
    assert_eq!(spans.len(), 650);
    row.requests(300);
    for span in spans {
        let duration = span
            .end_time_unix_nano
            .checked_sub(span.start_time_unix_nano);
        // A layer has a clock that does not step; spans of the API end by the wall clock, or at their start.
        let most = if span.name == "work" {
            26 * 60 * MINUTE
        } else {
            30 * MINUTE
        };
        assert!(duration.is_some_and(|it| it < most), "{span:?}");
    }
    row.print();
}

/// Sets the clock. In one step, as the child reads the file at any moment.
fn step_to(clock: &Path, to: &str) {
    let new = clock.with_extension("new");
    fs::write(&new, to).unwrap();
    fs::rename(new, clock).unwrap();
}

fn has_faketime() -> bool {
    let is_there = Path::new(FAKETIME).exists();
    if !is_there {
        eprintln!("SKIPPED: stepping the system clock needs {FAKETIME} (apt-get install faketime)");
    }
    is_there
}

/// A service whose system clock is set by this file.
fn service(collector: &Http, recorder: &Path, clock: &Path) -> Service {
    let mut service = Service::new(&collector.url()).recorder(recorder);
    let command = service.command();
    command.env("LD_PRELOAD", FAKETIME);
    command.env("FAKETIME_TIMESTAMP_FILE", clock);
    command.env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    service
}

#[test]
fn no_duration_is_negative() {
    let mut row = Row::new("spans that end before they start");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("clock-steps 100");
    child.flush();
    let spans = collector.inbox().spans();
    assert_eq!(spans.len(), 100);
    for span in spans {
        assert!(
            span.end_time_unix_nano >= span.start_time_unix_nano,
            "{span:?}"
        );
    }
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&child.counts());
    row.print();
}
