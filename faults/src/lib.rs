//! What goes wrong around a service, and what becomes of its spans.
//!
//! ```text
//! test (oracle) ── commands ─► child: `bin/service`, a pipeline under test
//!    ▲    │ ◄─── answers, claims ──┘ │ spans
//!    │    └ kill, fork, full disk    ▼
//!    └──────── what it got ◄── collector that answers as told
//! ```
//!
//! The child says of each span that it has *ended* ([`Claims`]). The collector, in the parent, knows what has *arrived*
//! ([`Inbox`]). What ended and did not arrive must wait or be counted as dropped, or else it is lost; and the child's
//! counts must add up ([`Counts`]). Each test adds a row to a table ([`Row`]).
// A harness fails by panicking.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used
)]

mod cgroup;
mod child;
mod claims;
mod collector;
mod counts;
mod disk;
mod files;
mod meanwhile;
mod random;
mod recovered;
mod row;
mod undisturbed;

pub use cgroup::MemoryLimit;
pub use child::{Child, PATIENCE, Service};
pub use claims::Claims;
pub use collector::grpc::{self, Grpc};
pub use collector::http::{Answer, Http};
pub use collector::{Inbox, Request, id, is, text};
pub use counts::Counts;
pub use disk::Disk;
pub use files::{copy_folder, files_in, record_file, run_folders};
pub use meanwhile::Meanwhile;
pub use random::{Random, seeds};
pub use recovered::recovered;
pub use row::Row;
pub use undisturbed::{undisturbed, undisturbed_by, undisturbed_by_work, undisturbed_meanwhile};

/// Spans in one batch, as the pipeline has it by default.
pub const BATCH: usize = 512;
