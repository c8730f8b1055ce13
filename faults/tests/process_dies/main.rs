//! A service dies, and the next one recovers what it has left. Each file is one scenario.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod aborts;
mod bit_flips;
mod exits_without_shutdown;
mod killed_after_a_flush;
mod killed_at_random_points;
mod killed_while_recovering;
mod leftovers_are_damaged;
mod leftovers_can_not_be_read;
mod out_of_memory;
mod torn_tail;
mod two_processes_one_folder;
mod unknown_version;
