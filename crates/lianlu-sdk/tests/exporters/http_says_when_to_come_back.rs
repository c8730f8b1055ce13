//! `Retry-After` from a collector over HTTP.

use std::time::{Duration, SystemTime};

use crate::common::{PATIENCE, attempt, collector, http_exporters, is_lost, is_retryable};

/// The delays of all exporters over HTTP.
fn delays(status: &str, value: &str) -> Vec<Option<Duration>> {
    let response = format!(
        "HTTP/1.1 {status}\r\nretry-after: {value}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let (address, _requests) = collector(response.leak().as_bytes());
    http_exporters(address, PATIENCE)
        .into_iter()
        .map(|exporter| is_retryable(attempt(exporter), status))
        .collect()
}

#[test]
fn delays_in_seconds() {
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
fn delays_until_a_date() {
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
fn malformed_values_are_ignored() {
    for value in ["soon", "-5", "1.5", "", "Sun, 99 Nov 1994 08:49:37 GMT"] {
        assert_eq!(
            delays("503 Service Unavailable", value),
            [None; 4],
            "{value}"
        );
    }
}

#[test]
fn ignored_for_other_statuses() {
    let (address, _requests) = collector(
        b"HTTP/1.1 500 No\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    for exporter in http_exporters(address, PATIENCE) {
        is_lost(attempt(exporter), "answered 500");
    }
}
