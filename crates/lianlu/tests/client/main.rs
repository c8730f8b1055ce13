//! Clients: what they do before a request, and what is in front of them.
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

mod connects;
mod redirects;
mod reqwest_middleware;
mod retries;
mod shakes_hands;
mod transport_panics;
