//! OTLP/JSON, written from the borrowed views without an intermediate tree.
//!
//! The [JSON mapping](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) is
//! protobuf's, except that trace and span ids are hexadecimal and enums are numbers. So keys are
//! lowerCamelCase, 64-bit numbers are decimal strings, bytes are base64, `NaN` and `Infinity` are
//! strings. Default values are omitted, except for attribute keys and the values of lists, which
//! some readers require.
//!
//! The views implement [`Serialize`](serde::Serialize), so each of them can be part of another
//! document; a read error then surfaces as a serialisation error. [`write_json`] reads the whole
//! request before it writes anything.

mod base64;
mod hex;
mod object;
mod outer;
mod span;
mod value;

use super::{ReadError, Request};

/// Why a request could not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The request's bytes are malformed.
    #[error("not an OTLP request: {0}")]
    Read(#[from] ReadError),
    /// Serialisation failed. Not known to happen.
    #[error("an OTLP request cannot be written as JSON")]
    Write(#[source] serde_json::Error),
}

/// Writes a request as the body of `POST /v1/traces`, content type `application/json`.
///
/// # Errors
///
/// [`JsonError::Read`] when any part of the request is malformed; nothing is written then.
///
/// # Examples
///
/// ```
/// use lianlu_wire::otlp::{Request, write_json};
///
/// // A span "GET" of kind 2 in a scope without a name.
/// let request = b"\x0a\x0b\x12\x09\x12\x07\x2a\x03GET\x30\x02";
/// let json = write_json(&Request::new(request))?;
/// assert_eq!(json, br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"GET","kind":2}]}]}]}"#);
/// # Ok::<(), lianlu_wire::otlp::JsonError>(())
/// ```
pub fn write_json(request: &Request<'_>) -> Result<Vec<u8>, JsonError> {
    request.validate()?;
    serde_json::to_vec(request).map_err(JsonError::Write)
}
