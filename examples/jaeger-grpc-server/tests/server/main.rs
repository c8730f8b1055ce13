//! The built example, as a user runs it.
#![allow(clippy::panic, clippy::unwrap_used, unreachable_pub)]

#[cfg(unix)]
mod common;
#[cfg(unix)]
mod reflection;
mod setup_that_fails;
#[cfg(unix)]
mod spans_arrive_at_the_end;
