//! The scenarios of the W3C's trace-context test suite.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod errors;
mod several_calls;
mod suite;
mod traceparent;
mod tracestate;
