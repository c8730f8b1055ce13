//! What goes from a service to the next, and what is taken from it.
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

mod kratos_mode_speaks_kratos;
mod malformed_headers_are_survived;
mod metadata_crosses_hops;
mod other_formats_over_the_wire;
mod outbound_hosts;
mod over_the_wire;
mod public_endpoint;
mod response_headers;
