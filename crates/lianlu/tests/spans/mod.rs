//! Spans, whatever the transport.

mod carried;
mod context_is_current;
mod ended_by_users;
mod error_table;
mod for_tests;
mod streams_are_sliced;
mod unsampled_calls_are_not_described;
