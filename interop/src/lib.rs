//! What the interop tests share: the real Jaeger, the real Kratos, and lianlu's own greeter.
//!
//! The peers are Go programs; `interop/build` makes them. A test asks [`peers`] for them first, and
//! is skipped, with a line that says why, where they are not there.
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
/// Which provider a run is over, as the layers' own scenarios have it.
#[path = "../../crates/lianlu/tests/common/provider.rs"]
#[allow(missing_docs, unreachable_pub, unused_imports)]
pub mod provider;
pub mod trace;
