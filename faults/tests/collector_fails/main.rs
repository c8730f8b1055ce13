//! A collector is down, hangs, or answers with errors or nonsense. Each file is one scenario.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod collector_down;
mod collector_flaps;
mod collector_hangs;
mod grpc_statuses;
mod hostile_answers;
mod one_of_two_destinations;
mod partial_success;
mod redirects;
mod refused_for_good;
mod retry_after;
