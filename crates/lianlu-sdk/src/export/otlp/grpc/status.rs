//! The gRPC status of a failed call, as a [`Failure`].
//!
//! [OTLP's rules](https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response) define which codes
//! are retryable.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use tonic::Code;

use super::super::ACCEPTED_BY_DEFAULT;
use super::retry_info::RetryInfo;
use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;

/// Padding is optional in gRPC's binary headers.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The status of a call.
#[derive(Debug)]
pub(crate) struct Status {
    pub(super) code: Code,
    message: String,
    retry_info: Option<RetryInfo>,
}

impl Status {
    /// Reads headers or trailers; `None` if they have no status.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
        let message = headers.get("grpc-message").map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            lianlu_wire::percent_decode(&text).into_owned()
        });
        let details = headers.get("grpc-status-details-bin");
        let details = details.and_then(|value| BASE64.decode(value).ok());
        Some(Self {
            code,
            message: message.unwrap_or_default(),
            retry_info: details.and_then(|details| RetryInfo::find(&details)),
        })
    }

    /// The failure of a batch of `spans` spans, sent in `length` bytes.
    pub(super) fn into_failure(self, url: &CollectorUrl, spans: usize, length: usize) -> Failure {
        let code = code_name(self.code);
        let reason = match &*url.quote(&self.message) {
            "" => format!("{url} answered {code}"),
            message => format!("{url} answered {code}: {message}"),
        };
        if !self.is_retryable(length) {
            return Failure::new(spans, reason).with_error_type(code);
        }
        let failure = Failure::temporary(reason).with_error_type(code);
        match self.retry_info.and_then(|info| info.delay) {
            Some(delay) => failure.after(delay),
            None => failure,
        }
    }

    fn is_retryable(&self, length: usize) -> bool {
        match self.code {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Unavailable
            | Code::DataLoss => true,
            // tonic-based collectors also use it for a request above their limit, and a single
            // large span does not get smaller.
            Code::OutOfRange => length <= ACCEPTED_BY_DEFAULT,
            // Without a retry delay it may be a permanent quota.
            Code::ResourceExhausted => self.retry_info.is_some(),
            _ => false,
        }
    }
}

/// `NotFound` as `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderName, HeaderValue};

    use super::*;

    /// `details` with a RetryInfo of 7 seconds.
    const SEVEN: &str = "CA4aMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIBw";

    fn failure(headers: &[(&'static str, &[u8])], length: usize) -> Failure {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let status = Status::from_headers(&headers.collect()).unwrap();
        let url = CollectorUrl::new("http://h:1/".parse().unwrap());
        status.into_failure(&url, 3, length)
    }

    fn is_retryable(code: u8, details: &str) -> Option<Option<Duration>> {
        let failure = failure(
            &[
                ("grpc-status", code.to_string().as_bytes()),
                ("grpc-status-details-bin", details.as_bytes()),
            ],
            100,
        );
        assert_eq!(failure.lost, if failure.retry.is_some() { 0 } else { 3 });
        failure.retry.map(|retry| retry.after)
    }

    #[test]
    fn six_codes_are_retryable_and_resource_exhausted_with_a_delay() {
        let delay = Some(Duration::from_secs(7));
        for code in 1..40 {
            let (plain, informed) = (is_retryable(code, ""), is_retryable(code, SEVEN));
            match code {
                1 | 4 | 10 | 11 | 14 | 15 => {
                    assert_eq!((plain, informed), (Some(None), Some(delay)), "{code}");
                }
                8 => assert_eq!((plain, informed), (None, Some(delay))),
                _ => assert_eq!((plain, informed), (None, None), "{code}"),
            }
        }
    }

    #[test]
    fn a_too_large_request_is_not_retried() {
        let status: &[(_, &[u8])] = &[("grpc-status", b"11")];
        assert!(failure(status, ACCEPTED_BY_DEFAULT).retry.is_some());
        assert_eq!(failure(status, ACCEPTED_BY_DEFAULT + 1).lost, 3);
    }

    #[test]
    fn malformed_details_are_ignored() {
        for bad in ["%%%", "=", "CA4aMA", "A", "\t"] {
            assert_eq!(is_retryable(8, bad), None, "{bad}");
            assert_eq!(is_retryable(14, bad), Some(None), "{bad}");
        }
        let padded = format!("{SEVEN}==");
        assert_eq!(is_retryable(8, &padded), Some(Some(Duration::from_secs(7))));
    }

    #[test]
    fn reasons_contain_code_and_message() {
        let message = |code: &[u8], message: &[u8]| {
            failure(&[("grpc-status", code), ("grpc-message", message)], 1).reason
        };
        assert_eq!(message(b"7", b""), "http://h:1/ answered PERMISSION_DENIED");
        assert_eq!(
            message(b"14", b"no%20way%0Aback"),
            "http://h:1/ answered UNAVAILABLE: no way"
        );
        assert_eq!(
            message(b"x", b"\xff%zz"),
            "http://h:1/ answered UNKNOWN: \u{fffd}%zz"
        );
        assert!(Status::from_headers(&HeaderMap::new()).is_none());
    }

    #[test]
    fn names_of_codes() {
        assert_eq!(code_name(Code::Unavailable), "UNAVAILABLE");
        assert_eq!(code_name(Code::ResourceExhausted), "RESOURCE_EXHAUSTED");
        assert_eq!(code_name(Code::Ok), "OK");
    }
}
