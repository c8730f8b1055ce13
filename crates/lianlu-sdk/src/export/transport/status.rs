//! An HTTP status that refuses a batch, and what follows from it.
//!
//! [OTLP's rules](https://opentelemetry.io/docs/specs/otlp/#otlphttp-response) are taken for every collector that
//! speaks HTTP: Jaeger's and Zipkin's protocols have none of their own.
//!
//! | status | the batch |
//! |---|---|
//! | 429, 502, 503, 504 | may be sent again, not before `Retry-After` |
//! | a redirect | is lost: spans and credentials go where they were told to and nowhere else |
//! | any other | is lost: the same request would be refused again |

use std::time::SystemTime;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::quote;
use crate::export::transport::retry_after::retry_after;

/// What an answer with this status makes of a batch of `spans` spans. `said` is in its body, for people.
pub(crate) fn refusal(
    place: &CollectorUrl,
    status: StatusCode,
    headers: &HeaderMap,
    said: &str,
    spans: usize,
) -> Failure {
    let mut reason = format!("{place} answered {status}");
    if let Some(target) = target(place, status, headers) {
        reason = format!("{reason} to {target}, which is not followed");
    }
    if !said.is_empty() {
        reason = format!("{reason}: {said}");
    }
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return Failure::new(spans, reason);
    }
    let failure = Failure::temporary(reason);
    match retry_after(headers, SystemTime::now()) {
        Some(delay) => failure.after(delay),
        None => failure,
    }
}

/// Where a redirect points to, without the secrets that a URL may have in it.
fn target(place: &CollectorUrl, status: StatusCode, headers: &HeaderMap) -> Option<String> {
    if !status.is_redirection() {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let scheme = place.uri().scheme_str().unwrap_or_default();
    let uri: Uri = match location.starts_with("//") {
        true => format!("{scheme}:{location}").parse(),
        false => location.parse(),
    }
    .ok()?;
    Some(quote(&match uri.host() {
        Some(_) => CollectorUrl::new(uri).to_string(),
        None => uri.path().to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use http::header::RETRY_AFTER;

    use super::*;

    fn judge(status: u16, headers: &[(http::HeaderName, &'static str)]) -> Failure {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let place = CollectorUrl::new("http://ann:secret@h:1/p".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        refusal(&place, status, &headers, "why", 3)
    }

    #[test]
    fn four_statuses_may_pass() {
        for status in 100..600 {
            let failure = judge(status, &[(RETRY_AFTER, "7")]);
            assert!(failure.reason.ends_with(": why"), "{failure}");
            match status {
                429 | 502 | 503 | 504 => {
                    assert_eq!(failure.lost, 0);
                    let after = failure.retry.unwrap().after;
                    assert_eq!(after, Some(Duration::from_secs(7)), "{status}");
                }
                _ => assert_eq!((failure.lost, failure.retry), (3, None), "{status}"),
            }
        }
        let failure = judge(503, &[(RETRY_AFTER, "soon")]);
        assert_eq!(failure, Failure::temporary(failure.reason.clone()));
    }

    #[test]
    fn where_a_redirect_points_to() {
        for (location, wanted) in [
            (
                "http://u:secret@other:2/v?key=secret",
                " to http://other:2/v,",
            ),
            ("//u:secret@other/v#x", " to http://other/v,"),
            ("/elsewhere?key=secret", " to /elsewhere,"),
        ] {
            let failure = judge(307, &[(LOCATION, location)]);
            assert!(failure.reason.contains(wanted), "{failure}");
            assert!(!failure.reason.contains("secret"), "{failure}");
        }
        for status in [200, 307] {
            let failure = judge(status, &[(LOCATION, "not a place: secret")]);
            assert!(!failure.reason.contains(" to "), "{failure}");
        }
        assert!(
            !judge(400, &[(LOCATION, "http://other")])
                .reason
                .contains("other")
        );
    }
}
