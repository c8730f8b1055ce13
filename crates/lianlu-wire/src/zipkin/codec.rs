//! The two entry points.

use super::Span;

/// Why spans could not be written.
#[derive(Debug, thiserror::Error)]
#[error("Zipkin spans cannot be written as JSON")]
pub struct EncodeError(#[source] serde_json::Error);

/// Why bytes are no Zipkin v2 spans. The source names line and column.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON array of Zipkin v2 spans: {0}")]
pub struct DecodeError(#[source] serde_json::Error);

/// Writes spans as the body of `POST /api/v2/spans`, content type `application/json`. Fields that are empty are left
/// out.
///
/// # Errors
///
/// None is known for these types; the signature leaves the encoder room.
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
/// Unknown fields are skipped, `null` counts as absent, so does an address that is none. Numbers and booleans among
/// the tags are taken as text. Nesting is limited by `serde_json` (128 levels).
///
/// # Errors
///
/// [`DecodeError`] when the bytes are no JSON array of spans, or a span has no trace id or span id (all zero counts as
/// none).
pub fn decode_spans(bytes: &[u8]) -> Result<Vec<Span<'_>>, DecodeError> {
    serde_json::from_slice(bytes).map_err(DecodeError)
}
