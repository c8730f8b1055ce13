//! HTTP calls.
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

mod attributes;
mod body_ends;
mod client_hangs_up;
mod handler_panics;
mod late_route;
mod span_covers_the_body;
mod status_is_classified;
mod transport_fails;
mod upgrades;
