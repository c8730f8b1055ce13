//! Codec for Zipkin's [B3 headers](https://github.com/openzipkin/b3-propagation), in one line or several.
//!
//! ```text
//! b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90
//!     ──────────────────────────────── ──────────────── ─ ────────────────
//!        trace id (16 or 8 bytes)        span id (8)    │  parent's span id, may be left out
//!                                                       └ 1 accept, 0 deny, d debug; left out: defer
//! b3: 0                                                   a decision alone, without a trace
//!
//! x-b3-traceid: 80f198ee56343ba864fe8b2a57d3eff7          the same in lines of their own
//! x-b3-spanid: e457b5a2e4d86bd1
//! x-b3-parentspanid: 05e3ac9a4f6e3b90
//! x-b3-sampled: 1                                         1 or 0, in old libraries true or false
//! x-b3-flags: 1                                           debug, then without x-b3-sampled
//! ```
//!
//! A trace id of 8 bytes has zeros in front. Digits are read in either case and written in lower case.

mod multi;
mod single;

pub use multi::B3Lines;

/// What B3 headers say.
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
    /// The caller's place in a trace; `None` when only a decision was sent.
    pub ids: Option<B3Ids>,
    /// Whether the trace is recorded.
    pub sampling: Sampling,
}

/// The caller's place in a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct B3Ids {
    /// The trace, big-endian, never all zero after parsing.
    pub trace_id: [u8; 16],
    /// The caller's span, big-endian, never all zero after parsing.
    pub span_id: [u8; 8],
    /// The span above the caller's, where it was sent.
    pub parent_span_id: Option<[u8; 8]>,
}

/// What was decided about recording the trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sampling {
    /// Nothing yet: the receiver decides.
    #[default]
    Defer,
    /// The trace is not recorded.
    Deny,
    /// The trace is recorded.
    Accept,
    /// The trace is recorded whatever samplers say, here and further on.
    Debug,
}

/// Why B3 headers are not usable. The answer to each of them is the same: as if they were not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum B3Error {
    /// No header, or an empty one.
    #[error("b3 has no trace and no decision")]
    Empty,
    /// Trace id is missing beside a span id, is not 16 or 32 hex digits, or is zero.
    #[error("b3 trace id is not 16 or 32 hex digits with one of them not zero")]
    TraceId,
    /// Span id is missing beside a trace id, is not 16 hex digits, or is zero.
    #[error("b3 span id is not 16 hex digits with one of them not zero")]
    SpanId,
    /// Parent's span id is not 16 hex digits.
    #[error("b3 parent span id is not 16 hex digits")]
    ParentSpanId,
    /// The decision is none of the known ones.
    #[error("b3 sampling decision is not 0, 1 or d")]
    Sampling,
    /// More fields than four.
    #[error("b3 has something behind the parent span id")]
    TooLong,
}
