//! `Retry-After`, as a collector over HTTP sends it.

use std::time::{Duration, SystemTime};

use crate::common::{PATIENCE, attempt, collector, http_exporters, is_lost, may_be_sent_again};

/// What every exporter over HTTP makes of it.
fn delays(status: &str, value: &str) -> Vec<Option<Duration>> {
    let answer = format!(
        "HTTP/1.1 {status}\r\nretry-after: {value}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (address, _requests) = collector(answer.leak().as_bytes());
    http_exporters(address, PATIENCE)
        .into_iter()
        .map(|exporter| may_be_sent_again(attempt(exporter), status))
        .collect()
}

#[test]
fn in_seconds() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        for (value, seconds) in [("0", 0), ("30", 30), ("315360000", 315_360_000)] {
            assert_eq!(
                delays(status, value),
                [Some(Duration::from_secs(seconds)); 4]
            );
        }
    }
}

#[test]
fn at_a_date() {
    const STATUS: &str = "503 Service Unavailable";
    let from_now = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    for seconds in [3_600, 10 * 365 * 86_400] {
        let date = httpdate::fmt_http_date(from_now(seconds));
        for delay in delays(STATUS, &date) {
            let delay = delay.unwrap().as_secs();
            assert!(
                seconds - PATIENCE.as_secs() < delay && delay <= seconds,
                "{delay}"
            );
        }
    }
    for past in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(delays(STATUS, past), [Some(Duration::ZERO); 4]);
    }
}

#[test]
fn in_no_form_of_it() {
    for value in ["soon", "-5", "1.5", "", "Sun, 99 Nov 1994 08:49:37 GMT"] {
        assert_eq!(
            delays("503 Service Unavailable", value),
            [None; 4],
            "{value}"
        );
    }
}

#[test]
fn where_there_is_nothing_to_come_back_for() {
    let (address, _requests) = collector(
        b"HTTP/1.1 500 No\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    for exporter in http_exporters(address, PATIENCE) {
        is_lost(attempt(exporter), "answered 500");
    }
}
