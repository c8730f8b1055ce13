//! An overloaded collector names the time of the next attempt: in seconds, as a date, or in ten years. The pipeline waits
//! for that time, up to a limit, and nothing is lost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use lianlu_faults::{Answer, Http, Row, Service, requests_complete_while};

const STATUSES: [&str; 2] = ["429 Too Many Requests", "503 Service Unavailable"];

#[test]
fn in_seconds_and_as_a_date() {
    let mut row = Row::new("429, 503 with Retry-After");
    for status in STATUSES {
        for is_date in [false, true] {
            let collector = Http::start();
            // Dates have whole seconds.
            let due = Arc::new(Mutex::new(Instant::now()));
            let noted = Arc::clone(&due);
            collector.script(move |number| match number {
                0 if is_date => {
                    let (date, from_now) = next_full_second(Duration::from_secs(1));
                    *noted.lock().unwrap() = Instant::now() + from_now;
                    refused(status, &date)
                }
                0 => {
                    *noted.lock().unwrap() = Instant::now() + Duration::from_secs(1);
                    refused(status, "1")
                }
                _ => Answer::Accepted,
            });
            // One batch.
            let service = Service::new(&collector.url()).set("delay-ms", 3_600_000);
            let mut child = service.start();
            child.must("spans 100");
            child.flush();
            let requests = collector.inbox().requests();
            assert_eq!(requests.len(), 2);
            let early = due.lock().unwrap().duration_since(requests[1].at);
            // The clocks of dates and of waiting differ a little.
            assert!(early < Duration::from_millis(50), "{early:?}");
            row.lost(child.claims().missing(collector.inbox()).len());
            row.run(&child.counts());
        }
    }
    row.print();
}

/// Requests complete while the collector may not be asked.
#[test]
fn in_ten_years() {
    let mut row = Row::new("503 with Retry-After of ten years");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("spans 100");
    child.flush();
    collector.always(refused("503 Service Unavailable", "315360000"));
    child.must("spans 100");
    child.wait_for_health("503");
    // A flush knows that the collector refuses to be asked, and reports its answer.
    let answer = child.ask("flush 300");
    assert!(answer.contains("503"), "{answer}");
    child.must("spans 1000");
    assert!(child.ask("flush 300").contains("still wait"));
    row.requests(requests_complete_while(&mut child, |_| {
        collector.inbox().refused() == 1
    }));
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    assert!(counts.waiting > 0, "{counts:?}");
    // `backoff.rs` of lianlu-sdk tests with a manual clock that the next attempt comes after five minutes.
    row.run(&counts);
    row.print();
}

/// While the answer is on its way, and while the collector may not be asked.
#[test]
fn requests_complete() {
    let mut row = Row::new("429, 503 with Retry-After, requests");
    for status in STATUSES {
        let collector = Http::start();
        let (date, _) = next_full_second(Duration::from_secs(3600));
        collector.always(refused(status, &date));
        let mut child = Service::new(&collector.url()).start();
        collector.gate().close();
        child.must("spans 100");
        collector.gate().wait_until_held();
        row.requests(requests_complete_while(&mut child, |_| {
            collector.gate().held() == 1
        }));
        collector.gate().open();
        child.wait_for_health(&status[..3]);
        row.requests(requests_complete_while(&mut child, |_| {
            collector.inbox().refused() == 1
        }));
        let counts = child.counts();
        assert_eq!(counts.dropped(), 0, "{counts:?}");
        row.run(&counts);
    }
    row.print();
}

fn refused(status: &'static str, when: &str) -> Answer {
    let header = format!("retry-after: {when}");
    Answer::Status(status, vec![header], Vec::new())
}

/// The HTTP date of the first full second after `from_now`, and how far it is from now.
fn next_full_second(from_now: Duration) -> (String, Duration) {
    let now = SystemTime::now();
    let seconds = (now + from_now).duration_since(SystemTime::UNIX_EPOCH);
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unwrap().as_secs() + 1);
    (
        httpdate::fmt_http_date(date),
        date.duration_since(now).unwrap(),
    )
}
