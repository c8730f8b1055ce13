//! Codec for Zipkin's [B3 headers](https://github.com/openzipkin/b3-propagation), in single- and
//! multi-header form.
//!
//! ```text
//! b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
//!        trace id (16 or 8 bytes)        span id (8)    │  parent span id, optional
//!        trace id (16 or 8 bytes)        span id (8)    │  parent's span id, may be left out
//!                                                       └ 1 accept, 0 deny, d debug; left out: defer
//! b3: 0                                                   a decision without a trace
//!
//! x-b3-traceid: 80f198ee56343ba864fe8b2a57d3eff7          the same, one header per field
//! x-b3-spanid: e457b5a2e4d86bd1
//! x-b3-parentspanid: 05e3ac9a4f6e3b90
//! x-b3-sampled: 1                                         1 or 0, in old libraries true or false
//! x-b3-flags: 1                                           debug; x-b3-sampled is then absent
//! ```
//!
//! A trace id of 8 bytes is padded with leading zeros. Hex digits are read in either case and
//! written in lower case.

mod multi;
mod single;

pub use multi::B3Lines;

/// The content of B3 headers.
///
/// # Examples
///
/// ```
/// use lianlu_wire::b3::{B3, Sampling};
///
/// let b3 = B3::parse(b"64fe8b2a57d3eff7-e457b5a2e4d86bd1-1")?;
/// assert_eq!(b3.sampling, Sampling::Accept);
/// assert_eq!(b3.encode(), "000000000000000064fe8b2a57d3eff7-e457b5a2e4d86bd1-1");
/// assert_eq!(B3::parse(b"0")?, B3 { ids: None, sampling: Sampling::Deny });
/// # Ok::<(), lianlu_wire::b3::B3Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct B3 {
    /// The caller's ids; `None` when only a decision was sent.
    pub ids: Option<B3Ids>,
    /// The caller's sampling decision.
    pub sampling: Sampling,
}

/// The caller's trace and span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct B3Ids {
    /// The trace, big-endian, never all zero after parsing.
    pub trace_id: [u8; 16],
    /// The caller's span, big-endian, never all zero after parsing.
    pub span_id: [u8; 8],
    /// The parent of the caller's span, if sent.
    pub parent_span_id: Option<[u8; 8]>,
}

/// The sampling decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sampling {
    /// No decision: the receiver decides.
    #[default]
    Defer,
    /// The trace is not recorded.
    Deny,
    /// The trace is recorded.
    Accept,
    /// The trace is recorded regardless of samplers, here and downstream.
    Debug,
}

/// Why B3 headers are not usable. Treat the request as if it had none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum B3Error {
    /// No header, or an empty one.
    #[error("b3 has no trace and no decision")]
    Empty,
    /// Trace id is missing although there is a span id, is not 16 or 32 hex digits, or is zero.
    #[error("b3 trace id is not 16 or 32 hex digits with one of them not zero")]
    TraceId,
    /// Span id is missing although there is a trace id, is not 16 hex digits, or is zero.
    #[error("b3 span id is not 16 hex digits with one of them not zero")]
    SpanId,
    /// Parent span id is not 16 hex digits.
    #[error("b3 parent span id is not 16 hex digits")]
    ParentSpanId,
    /// The decision is not a known value.
    #[error("b3 sampling decision is not 0, 1 or d")]
    Sampling,
    /// More than four fields.
    #[error("b3 has something behind the parent span id")]
    TooLong,
}
