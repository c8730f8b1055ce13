//! The built demo, as a user runs it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    unreachable_pub
)]

mod collector_down;
mod common;
#[cfg(unix)]
mod keeps_serving;
mod runs_and_stops_by_itself;
mod setup_that_fails;
