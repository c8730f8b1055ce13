//! Helpers shared by the tests.
#![allow(dead_code, unreachable_pub, reason = "each scenario uses a part")]

pub mod apache;
pub mod batches;
pub mod otlp;
