//! Tests of request headers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers fail by panicking"
)]

mod other_headers_hostile;
mod w3c_hostile_headers;
mod w3c_lists_reference_parser;
