//! A status of gRPC, and what follows from it.
//!
//! [OTLP's rules](https://opentelemetry.io/docs/specs/otlp/#otlpgrpc-response) say which may pass.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use tonic::Code;

use super::super::MAX_REQUEST;
use super::retry_info::RetryInfo;
use crate::export::Failure;
use crate::export::transport::collector_url::CollectorUrl;
use crate::export::transport::one_line::quote;

/// With padding or without, as gRPC has its binary headers.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a call ended.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) code: Code,
    message: String,
    retry_info: Option<RetryInfo>,
}

impl Status {
    /// Of headers or trailers; `None` where they have no status.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let code = Code::from_bytes(headers.get("grpc-status")?.as_bytes());
        let message = headers.get("grpc-message").map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            quote(&lianlu_wire::percent_decode(&text))
        });
        let details = headers.get("grpc-status-details-bin");
        let details = details.and_then(|value| BASE64.decode(value).ok());
        Some(Self {
            code,
            message: message.unwrap_or_default(),
            retry_info: details.and_then(|details| RetryInfo::find(&details)),
        })
    }

    /// What this makes of a batch of `spans` spans, sent in `length` bytes.
    pub(super) fn refusal(self, place: &CollectorUrl, spans: usize, length: usize) -> Failure {
        let code = code_name(self.code);
        let reason = match &*self.message {
            "" => format!("{place} answered {code}"),
            said => format!("{place} answered {code}: {said}"),
        };
        if !self.may_pass(length) {
            return Failure::new(spans, reason);
        }
        let failure = Failure::temporary(reason);
        match self.retry_info.and_then(|info| info.delay) {
            Some(delay) => failure.after(delay),
            None => failure,
        }
    }

    fn may_pass(&self, length: usize) -> bool {
        match self.code {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Unavailable
            | Code::DataLoss => true,
            // Also what collectors made with tonic say of a request above their limit, and one large span does not
            // get smaller.
            Code::OutOfRange => length <= MAX_REQUEST,
            // As long as it does not say when it will have resources again, it may be a quota.
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

    fn refusal(headers: &[(&'static str, &[u8])], length: usize) -> Failure {
        let headers = headers.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).unwrap();
            (HeaderName::from_static(name), value)
        });
        let status = Status::from_headers(&headers.collect()).unwrap();
        let place = CollectorUrl::new("http://h:1/".parse().unwrap());
        status.refusal(&place, 3, length)
    }

    fn may_pass(code: u8, details: &str) -> Option<Option<Duration>> {
        let failure = refusal(
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
    fn six_codes_may_pass_and_one_that_says_when() {
        let delay = Some(Duration::from_secs(7));
        for code in 1..40 {
            let (plain, informed) = (may_pass(code, ""), may_pass(code, SEVEN));
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
    fn a_request_that_is_too_large_stays_so() {
        let status: &[(_, &[u8])] = &[("grpc-status", b"11")];
        assert!(refusal(status, MAX_REQUEST).retry.is_some());
        assert_eq!(refusal(status, MAX_REQUEST + 1).lost, 3);
    }

    #[test]
    fn details_that_are_none() {
        for bad in ["%%%", "=", "CA4aMA", "A", "\t"] {
            assert_eq!(may_pass(8, bad), None, "{bad}");
            assert_eq!(may_pass(14, bad), Some(None), "{bad}");
        }
        let padded = format!("{SEVEN}==");
        assert_eq!(may_pass(8, &padded), Some(Some(Duration::from_secs(7))));
    }

    #[test]
    fn what_is_said() {
        let said = |code: &[u8], message: &[u8]| {
            refusal(&[("grpc-status", code), ("grpc-message", message)], 1).reason
        };
        assert_eq!(said(b"7", b""), "http://h:1/ answered PERMISSION_DENIED");
        assert_eq!(
            said(b"14", b"no%20way%0Aback"),
            "http://h:1/ answered UNAVAILABLE: no way"
        );
        assert_eq!(
            said(b"x", b"\xff%zz"),
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
