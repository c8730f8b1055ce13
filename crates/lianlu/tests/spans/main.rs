//! The spans of calls, whatever they go over.
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

mod are_ended_early_by_users;
mod calls_that_come_again;
mod context_is_current;
mod error_table;
mod same_spans_over_both_providers;
mod streams_are_sliced;
mod unsampled_calls_are_not_described;
