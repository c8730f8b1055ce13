//! The response of a collector: an accepted batch, a partial success, or an error message.
//!
//! ```text
//! ExportTraceServiceResponse = 0x0a len ExportTracePartialSuccess
//! ExportTracePartialSuccess  = 0x08 rejected_spans · 0x12 len error_message
//! google.rpc.Status          = 0x08 code           · 0x12 len message       · 0x1a len details …
//! ```

use super::protobuf::{Value, fields};

/// Completes "the response …" for a response of another type.
pub(super) const NO_RESPONSE: &str = "is not an ExportTraceServiceResponse";

/// An accepted request, possibly a partial success.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Spans that the collector rejected.
    pub(super) rejected: u64,
    /// The reason, or a warning if no spans were rejected; as the collector has sent it.
    pub(super) message: String,
}

impl Accepted {
    /// Reads an `ExportTraceServiceResponse`. An unreadable one becomes a warning: the collector
    /// has the spans.
    pub(super) fn from_protobuf(response: &[u8]) -> Self {
        Self::read(response).unwrap_or_else(|| Self::unreadable(NO_RESPONSE))
    }

    fn read(response: &[u8]) -> Option<Self> {
        let mut accepted = Self::default();
        fields(response, |number, value| {
            if let (1, Value::Bytes(partial)) = (number, value) {
                accepted = Self::read_partial(partial)?;
            }
            Some(())
        })?;
        Some(accepted)
    }

    fn read_partial(partial: &[u8]) -> Option<Self> {
        let mut accepted = Self::default();
        fields(partial, |number, value| {
            match (number, value) {
                // An int64, but negative numbers make no sense here.
                (1, Value::Number(rejected)) => {
                    accepted.rejected = u64::try_from(rejected.cast_signed()).unwrap_or_default();
                }
                (2, Value::Bytes(text)) => {
                    accepted.message = String::from_utf8_lossy(text).into_owned();
                }
                _ => {}
            }
            Some(())
        })?;
        Some(accepted)
    }

    /// As [`from_protobuf`](Self::from_protobuf) for JSON, where 64-bit numbers are strings or
    /// numbers.
    #[cfg(feature = "otlp-json")]
    pub(super) fn from_json(response: &[u8]) -> Self {
        use serde_json::Value;

        let Ok(Value::Object(response)) = serde_json::from_slice(response) else {
            return Self::unreadable(NO_RESPONSE);
        };
        let partial = response.get("partialSuccess");
        let field = |name| partial.and_then(|partial| partial.get(name));
        let rejected = field("rejectedSpans").and_then(|number| match number {
            Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        });
        let message = field("errorMessage").and_then(Value::as_str);
        Self {
            rejected: rejected.unwrap_or_default(),
            message: message.unwrap_or_default().to_owned(),
        }
    }

    /// A success with an unreadable response.
    pub(super) fn unreadable(problem: &str) -> Self {
        Self {
            rejected: 0,
            message: format!("the response {problem}"),
        }
    }
}

/// The message of a `google.rpc.Status`, the body of an error response.
#[cfg_attr(not(feature = "otlp-http"), allow(dead_code))]
pub(super) fn status_message(status: &[u8]) -> Option<String> {
    let mut message = None;
    fields(status, |number, value| {
        if let (2, Value::Bytes(text)) = (number, value) {
            message = Some(String::from_utf8_lossy(text).into_owned());
        }
        Some(())
    })?;
    message
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    use super::*;

    fn response(rejected_spans: i64, error_message: &str) -> Vec<u8> {
        ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess {
                rejected_spans,
                error_message: error_message.to_owned(),
            }),
        }
        .encode_to_vec()
    }

    #[test]
    fn a_partial_success() {
        for (rejected, message) in [(0, ""), (7, "bad"), (0, "slow down"), (i64::MAX, "")] {
            let accepted = Accepted::from_protobuf(&response(rejected, message));
            assert_eq!(
                (accepted.rejected, &*accepted.message),
                (rejected as u64, message)
            );
        }
        assert_eq!(Accepted::from_protobuf(&[]), Accepted::default());
        assert_eq!(Accepted::from_protobuf(&response(-1, "")).rejected, 0);
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let mut bytes = b"\x10\x05\x19abcdefgh\x25abcd\x32\x01x".to_vec();
        bytes.extend(response(3, "no"));
        let accepted = Accepted::from_protobuf(&bytes);
        assert_eq!((accepted.rejected, &*accepted.message), (3, "no"));
    }

    #[test]
    fn malformed_responses_are_unreadable() {
        let whole = response(5, "why");
        for end in 1..whole.len() {
            let accepted = Accepted::from_protobuf(&whole[..end]);
            assert_eq!(accepted, Accepted::unreadable(NO_RESPONSE), "{end}");
        }
        for bytes in [
            &b"<html>"[..],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0xff; 64],
            &[0x0b, 0x0c],
        ] {
            assert_eq!(
                Accepted::from_protobuf(bytes),
                Accepted::unreadable(NO_RESPONSE)
            );
        }
    }

    #[cfg(feature = "otlp-json")]
    #[test]
    fn partial_success_in_json() {
        for (json, rejected, message) in [
            ("{}", 0, ""),
            ("{\"partialSuccess\":null}", 0, ""),
            (
                "{\"partialSuccess\":{\"rejectedSpans\":\"7\",\"errorMessage\":\"bad\"}}",
                7,
                "bad",
            ),
            ("{\"partialSuccess\":{\"rejectedSpans\":7}}", 7, ""),
            (
                "{\"partialSuccess\":{\"rejectedSpans\":-7,\"errorMessage\":3}}",
                0,
                "",
            ),
        ] {
            let accepted = Accepted::from_json(json.as_bytes());
            assert_eq!(
                (accepted.rejected, &*accepted.message),
                (rejected, message),
                "{json}"
            );
        }
        let deep = "[".repeat(100_000);
        for bad in ["", "[]", "<html>", deep.as_str()] {
            assert_eq!(
                Accepted::from_json(bad.as_bytes()),
                Accepted::unreadable(NO_RESPONSE)
            );
        }
    }

    #[test]
    fn status_messages() {
        let status = b"\x08\x03\x12\x0bno such day\x1a\x02\x0a\x00";
        assert_eq!(status_message(status).as_deref(), Some("no such day"));
        assert_eq!(status_message(b"<html>"), None);
        assert_eq!(status_message(b""), None);
    }
}
