//! Pipelines as lianlu sets them up, and what they sample and keep.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/from_env.rs"]
mod from_env;

mod kept_calls;
mod options;
mod remote_sampler;
mod sampling_rules;
mod stalled_collector;
