//! Shared by the interop tests: the real Jaeger, the real Kratos, and a greeter with lianlu's
//! layers.
//!
//! The peers are Go programs, built by `interop/build`. A test gets them from [`peers`]; without
//! them it is skipped, with a line on standard error.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

pub mod greeter;
pub mod jaeger;
pub mod kratos;
pub mod peers;
pub mod pipeline;
pub mod process;
/// The tracer provider of a run, as in the layers' own tests.
#[path = "../../crates/lianlu/tests/common/provider.rs"]
#[allow(missing_docs, unreachable_pub, unused_imports)]
pub mod provider;
pub mod trace;
