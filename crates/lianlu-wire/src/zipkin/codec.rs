//! The two entry points.

use super::Span;

/// Why spans could not be written.
#[derive(Debug, thiserror::Error)]
#[error("Zipkin spans cannot be written as JSON")]
pub struct EncodeError(#[source] serde_json::Error);

/// Why bytes are not Zipkin v2 spans. The source contains line and column.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON array of Zipkin v2 spans: {0}")]
pub struct DecodeError(#[source] serde_json::Error);

/// Writes spans as the body of `POST /api/v2/spans`, content type `application/json`. Empty fields
/// are omitted.
///
/// # Errors
///
/// None is known for these types; the signature allows for future ones.
///
/// # Examples
///
/// ```
/// use lianlu_wire::zipkin::{Endpoint, Kind, Span, decode_spans, encode_spans};
///
/// let span = Span {
///     trace_id: 0x4bf92f3577b34da6a3ce929d0e0e4736,
///     id: 0x00f067aa0ba902b7,
///     name: "get /basket".into(),
///     kind: Some(Kind::Server),
///     timestamp: Some(1_790_000_000_000_000),
///     duration: Some(1_250),
///     local_endpoint: Endpoint { service_name: "shop".into(), ..Endpoint::default() },
///     ..Span::default()
/// };
/// let body = encode_spans(std::slice::from_ref(&span))?;
/// assert!(body.starts_with(br#"[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","id":"00f067aa0ba902b7","#));
/// assert_eq!(decode_spans(&body)?, [span]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode_spans(spans: &[Span<'_>]) -> Result<Vec<u8>, EncodeError> {
    serde_json::to_vec(spans).map_err(EncodeError)
}

/// Reads the body of `POST /api/v2/spans`.
///
/// Unknown fields are skipped; `null` and invalid addresses count as absent. Numbers and booleans
/// among the tags are read as text. Nesting is limited by `serde_json` (128 levels).
///
/// # Errors
///
/// [`DecodeError`] when the bytes are not a JSON array of spans, or a span has no trace id or span
/// id (all zero counts as absent).
pub fn decode_spans(bytes: &[u8]) -> Result<Vec<Span<'_>>, DecodeError> {
    serde_json::from_slice(bytes).map_err(DecodeError)
}
