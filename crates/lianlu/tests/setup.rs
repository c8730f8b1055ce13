//! Pipelines, and what they take from the environment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod common;
#[path = "common/from_env.rs"]
mod from_env;
mod own_process;
mod pipeline;
