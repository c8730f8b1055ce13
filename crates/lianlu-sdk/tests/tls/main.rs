//! TLS. Runs with the feature `tls`: `cargo test -p lianlu-sdk --features tls --test tls`.
#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../common/mod.rs"]
mod common;

mod collector_asks_for_a_certificate;
mod fails;
mod otlp;
