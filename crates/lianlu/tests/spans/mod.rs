//! Spans, whatever the transport.

mod calls_that_come_again;
mod context_is_current;
mod ended_by_users;
mod error_table;
mod same_spans_over_both_providers;
mod streams_are_sliced;
mod unsampled_calls_are_not_described;
