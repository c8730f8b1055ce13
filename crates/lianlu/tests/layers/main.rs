//! The layers: where they go, and what they can be told.
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

mod are_switched_off;
mod filters;
mod headers_are_captured_by_list_alone;
mod hooks;
mod opt_ins;
mod places_where_layers_go;
mod readme;
mod trusted_proxies;
