//! The flight recorder's disk or folder fails, hangs or is full. Each file is one scenario.
#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used)]

mod disk_full;
mod disk_hangs;
mod folder_not_usable;
mod io_errors;
mod recorder_full_drops_newest;
mod recorder_full_drops_oldest;
