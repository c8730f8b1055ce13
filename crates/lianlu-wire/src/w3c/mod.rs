//! Codecs for the headers of [W3C Trace Context Level 2](https://www.w3.org/TR/trace-context-2/)
//! and [W3C Baggage](https://www.w3.org/TR/baggage/).
//!
//! They run once or twice for every request, so they borrow from the header and allocate only what
//! must be owned. They take header *values* as bytes, as HTTP libraries provide them. The caller
//! selects the headers of a request, by two rules:
//!
//! - more than one `traceparent` line is malformed: start a new trace;
//! - `tracestate` is read only after a valid `traceparent`, and a malformed `tracestate` does not
//!   invalidate the `traceparent`.
//!
//! ```text
//! traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03
//!              ── ──────────────────────────────── ──────────────── ──
//!           version          trace-id (16 bytes)  parent-id (8)    flags: 0x01 sampled, 0x02 random
//!
//! tracestate:  rojo=00f067aa0ba902b7,congo=t61rcWkgMzE      newest first, at most 32 members
//! baggage:     tenant=acme%20corp;ttl=30,user=alice         at most 64 members, 8192 bytes
//! ```

mod baggage;
mod baggage_encode;
mod otel_member;
mod traceparent;
mod tracestate;

pub use baggage::{
    BAGGAGE_MAX_BYTES, BAGGAGE_MAX_MEMBERS, BaggageIter, BaggageMember, parse_baggage,
};
pub use baggage_encode::encode_baggage;
pub use otel_member::OtelMember;
#[cfg(feature = "opentelemetry")]
pub use otel_member::with_threshold;
pub use traceparent::{TRACEPARENT_BYTES, TraceParent, TraceParentError};
pub use tracestate::{
    TRACESTATE_MAX_MEMBERS, TraceStateError, encode_tracestate, parse_tracestate,
};
