//! OTLP/JSON, written from the borrowed views: no tree in between.
//!
//! The [JSON mapping](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding) is protobuf's with these
//! differences: trace and span ids are hexadecimal, and enums are numbers. So: keys in lowerCamelCase, numbers of 64
//! bits as decimal strings, bytes as base64, `NaN` and `Infinity` as strings. What has its default value is left out,
//! but for the key of an attribute and the values of a list: there are readers that insist on them.
//!
//! The views are [`Serialize`](serde::Serialize), so any of them can stand in another document. An error of reading is
//! then an error of serialising; [`write_json`] reads all before it writes anything.

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
    /// The request's bytes are broken.
    #[error("not an OTLP request: {0}")]
    Read(#[from] ReadError),
    /// JSON could not be written. Not known to happen.
    #[error("an OTLP request cannot be written as JSON")]
    Write(#[source] serde_json::Error),
}

/// Writes a request as the body of `POST /v1/traces`, content type `application/json`.
///
/// # Errors
///
/// [`JsonError::Read`] when the request's bytes are broken anywhere: nothing is written then.
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
