//! `Retry-After` ([RFC 9110, section
//! 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The requested delay: seconds, or a date in any of HTTP's three forms. A time in the past is no
/// delay. Other values are ignored.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // The pipeline limits the delay, so an overflow may become the maximum.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(value).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn delay(value: &[u8]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_bytes(value).unwrap());
        // 15 seconds before the dates below.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 15);
        retry_after(&headers, now)
    }

    #[test]
    fn seconds() {
        let seconds = |value: &str| delay(value.as_bytes()).map(|delay| delay.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 120 "), Some(120));
        assert_eq!(seconds("315360000"), Some(315_360_000));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
    }

    #[test]
    fn a_date_in_each_form() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(
                delay(date.as_bytes()),
                Some(Duration::from_secs(15)),
                "{date}"
            );
        }
        let past = delay(b"Sun, 06 Nov 1994 08:49:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        let far = delay(b"Fri, 31 Dec 9999 23:59:59 GMT").unwrap();
        assert!(far > Duration::from_secs(250_000_000_000));
    }

    #[test]
    fn malformed_values_are_ignored() {
        for value in [
            &b""[..],
            b"-1",
            b"+1",
            b"1.5",
            b"1e3",
            b"0x10",
            b"soon",
            b"1, 2",
            "１".as_bytes(),
            b"\xff\xfe",
            b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 99 Nov 1994 99:49:37 GMT",
            b"Fri, 31 Dec 99999 23:59:59 GMT",
            b"Sun, 06 Nov -994 08:49:37 GMT",
        ] {
            assert_eq!(delay(value), None, "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
