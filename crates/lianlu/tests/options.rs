//! What users set up around their calls: layers and their options, propagation, metrics and logs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod common;
mod layers;
mod logs;
mod metrics;
mod propagation;
