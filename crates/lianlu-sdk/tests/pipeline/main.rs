//! The pipeline, from a span to its export.
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

mod counts_are_metrics;
mod many_threads;
mod one_scope_for_equal_tracers;
mod provider_is_dropped;
mod queue_limits;
mod remote_sampler;
mod runtimes;
mod several_destinations;
mod span_processors;
mod spans_agree_with_the_sdks;
mod spans_by_the_api;
mod spans_of_layers;
