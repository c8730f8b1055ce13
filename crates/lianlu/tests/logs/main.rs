//! Logs that carry the trace.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;

mod carry_the_trace;
mod ids_for_logs;
mod tracing_spans_agree;
