//! Spans, whatever the transport.

mod are_ended_early_by_users;
mod calls_that_come_again;
mod context_is_current;
mod error_table;
mod same_spans_over_both_providers;
mod streams_are_sliced;
mod unsampled_calls_are_not_described;
