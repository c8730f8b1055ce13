//! A service does unusual things: it forks, panics, drops futures, floods the pipeline, or calls it from odd places. Each
//! file is one scenario.
#![allow(missing_docs, clippy::panic, clippy::print_stderr, clippy::unwrap_used)]

mod callbacks_record_spans;
mod calls_break_off;
mod clock_steps;
mod exporter_panics;
mod flush_from_anywhere;
mod forks;
mod huge_spans;
mod no_runtime;
mod overload;
mod runtime_dropped;
