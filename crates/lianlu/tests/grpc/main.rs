//! gRPC calls.
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
mod client_hangs_up;
mod deadline_passes;
mod four_kinds;
mod handler_panics;
mod known_methods;
mod status_is_classified;
mod targets;
mod transport_fails;
