//! Tests against the real Jaeger v2 and Kratos v2.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod exporters;
mod kratos_chain;
mod kratos_metadata;
mod kratos_mode;
mod remote_sampling;
mod seed_example;
