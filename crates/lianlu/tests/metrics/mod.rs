//! Metrics of calls.

mod active_requests;
mod body_sizes;
mod durations;
mod exemplars_bridge;
