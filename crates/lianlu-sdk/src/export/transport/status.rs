//! Maps an HTTP status other than success to a [`Failure`].
//!
//! [OTLP's rules](https://opentelemetry.io/docs/specs/otlp/#otlphttp-response) apply to every
//! collector over HTTP; Jaeger's and Zipkin's protocols define none of their own.
//!
//! | status | the batch |
//! |---|---|
//! | 429, 502, 503, 504 | is retried, not before `Retry-After` |
//! | a redirect | is lost: spans and credentials are only sent to the configured URL |
//! | any other | is lost: the same request would be rejected again |

use std::time::SystemTime;

use http::header::LOCATION;
use http::{HeaderMap, StatusCode, Uri};

use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::retry_after::retry_after;

/// The failure of a batch of `spans` spans, for a response with this status. `message` is from its
/// body, as it is.
pub(crate) fn failure_of_status(
    url: &CollectorUrl,
    status: StatusCode,
    headers: &HeaderMap,
    message: &str,
    spans: usize,
) -> Failure {
    let mut reason = format!("{url} answered {status}");
    if let Some(target) = target(url, status, headers) {
        reason = format!("{reason} to {target}, which is not followed");
    }
    let message = url.quote(message);
    if !message.is_empty() {
        reason = format!("{reason}: {message}");
    }
    let class = status.as_str().to_owned();
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return Failure::new(spans, reason).with_error_type(class);
    }
    let failure = Failure::temporary(reason).with_error_type(class);
    match retry_after(headers, SystemTime::now()) {
        Some(delay) => failure.after(delay),
        None => failure,
    }
}

/// The target of a redirect, without secrets that the URL may contain.
fn target(url: &CollectorUrl, status: StatusCode, headers: &HeaderMap) -> Option<String> {
    if !status.is_redirection() {
        return None;
    }
    let location = headers.get(LOCATION)?.to_str().ok()?;
    let scheme = url.uri().scheme_str().unwrap_or_default();
    let uri: Uri = match location.starts_with("//") {
        true => format!("{scheme}:{location}").parse(),
        false => location.parse(),
    }
    .ok()?;
    Some(url.quote(&match uri.host() {
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

    fn failure(status: u16, headers: &[(http::HeaderName, &'static str)]) -> Failure {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        let url = CollectorUrl::new("http://ann:secret@h:1/p".parse().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        failure_of_status(&url, status, &headers, "why", 3)
    }

    #[test]
    fn four_statuses_are_retryable() {
        for status in 100..600 {
            let failure = failure(status, &[(RETRY_AFTER, "7")]);
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
        let failure = failure(503, &[(RETRY_AFTER, "soon")]);
        let expected = Failure::temporary(failure.reason.clone());
        assert_eq!(failure, expected.with_error_type("503"));
    }

    #[test]
    fn names_the_target_of_a_redirect() {
        for (location, wanted) in [
            (
                "http://u:secret@other:2/v?key=secret",
                " to http://other:2/v,",
            ),
            ("//u:secret@other/v#x", " to http://other/v,"),
            ("/elsewhere?key=secret", " to /elsewhere,"),
        ] {
            let failure = failure(307, &[(LOCATION, location)]);
            assert!(failure.reason.contains(wanted), "{failure}");
            assert!(!failure.reason.contains("secret"), "{failure}");
        }
        for status in [200, 307] {
            let failure = failure(status, &[(LOCATION, "not a url: secret")]);
            assert!(!failure.reason.contains(" to "), "{failure}");
        }
        assert!(
            !failure(400, &[(LOCATION, "http://other")])
                .reason
                .contains("other")
        );
    }
}
