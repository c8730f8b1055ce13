//! A collector that is overloaded says when to come back: in seconds, as a date, or in ten years. It is left alone for
//! that long, within reason, and nothing is lost.

use std::process::Command;
use std::time::Duration;

use lianlu_faults::{Answer, Http, Row, Service, undisturbed_by};

const STATUSES: [&str; 2] = ["429 Too Many Requests", "503 Service Unavailable"];

#[test]
fn in_seconds_and_as_a_date() {
    let mut row = Row::new("429, 503 with Retry-After");
    for status in STATUSES {
        for is_date in [false, true] {
            let collector = Http::start();
            collector.script(move |number| match number {
                0 if is_date => refused(status, &date("2 seconds")),
                0 => refused(status, "1"),
                _ => Answer::Accepted,
            });
            let mut child = Service::new(&collector.url()).start();
            child.must("spans 100");
            child.flush();
            let gaps = collector.inbox().gaps();
            // A date has whole seconds, so it is between one and two of them away.
            assert_eq!(gaps.len(), 1, "{gaps:?}");
            assert!(gaps[0] >= Duration::from_millis(950), "{gaps:?}");
            assert!(gaps[0] < Duration::from_secs(5), "{gaps:?}");
            row.lost(child.claims().missing(collector.inbox()).len());
            row.run(&child.counts());
        }
    }
    row.print();
}

#[test]
fn in_ten_years() {
    let mut row = Row::new("503 with Retry-After of ten years");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("spans 100");
    child.flush();
    collector.always(refused("503 Service Unavailable", "315360000"));
    child.must("spans 100");
    // A flush knows that the collector does not want to be asked, and says so.
    let said = child.ask("flush 300");
    assert!(said.contains("503"), "{said}");
    child.must("spans 1000");
    assert!(child.ask("flush 300").contains("still wait"));
    let requests = collector.inbox().requests();
    let refused = requests.iter().filter(|request| !request.taken);
    assert_eq!(refused.count(), 1);
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    assert!(counts.waiting > 0, "{counts:?}");
    // That it is asked after five minutes all the same is tested where there is a clock of one's own: `backoff.rs`.
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on() {
    let mut row = Row::new("429, 503 with Retry-After, requests");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    let mut statuses = STATUSES.into_iter().cycle();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            child.flush();
        },
        // Up to a second from now.
        |_| collector.always(refused(statuses.next().unwrap(), &date("1 second"))),
        |_| collector.inbox().refused(),
    ));
    collector.always(Answer::Accepted);
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.dropped(), counts.waiting), (0, 0), "{counts:?}");
    row.run(&counts);
    row.print();
}

fn refused(status: &'static str, when: &str) -> Answer {
    let header = format!("retry-after: {when}");
    Answer::Status(status, vec![header], Vec::new())
}

/// An HTTP date, so long from now.
fn date(from_now: &str) -> String {
    let format = ["-u", "-d", from_now, "+%a, %d %b %Y %H:%M:%S GMT"];
    let output = Command::new("date")
        .env("LC_ALL", "C")
        .args(format)
        .output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}
