//! Faults around a service, and what happens to its spans.
//!
//! ```text
//! test (oracle) ── commands ─► child: `bin/service`, with the pipeline under test
//!    ▲    │ ◄─── answers, claims ──┘ │ spans
//!    │    └ kill, fork, full disk    ▼
//!    └──── received spans ◄── collector that answers as the test wants
//! ```
//!
//! The child reports each span that has *ended* ([`Claims`]). The collector, in the parent, knows which spans have
//! *arrived* ([`Inbox`]). A span that ended and did not arrive must wait or be counted as dropped; otherwise it is lost.
//! The child's counts must add up ([`Counts`]). Each test adds a row to a table ([`Row`]).
//!
//! No test measures time. A test that shows that requests do not wait for a fault holds the fault open ([`Gate`],
//! [`Disk`], a closed port) and completes requests meanwhile ([`requests_complete_while`]).
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
mod gate;
mod random;
mod recovered;
mod requests;
mod row;

use std::time::Duration;

pub use cgroup::MemoryLimit;
pub use child::{Child, Service};
pub use claims::Claims;
pub use collector::grpc::{self, Grpc};
pub use collector::http::{Answer, Http};
pub use collector::{Inbox, Request, id, is, text};
pub use counts::Counts;
pub use disk::Disk;
pub use files::{copy_folder, files_in, record_file, run_folders};
pub use gate::Gate;
pub use random::{Random, seeds};
pub use recovered::recovered;
pub use requests::{requests_complete_beside, requests_complete_while};
pub use row::Row;

/// Number of spans in one batch, as the pipeline has it by default.
pub const BATCH: usize = 512;

/// Watchdog. Only a hang takes so long, even if other processes leave little of the machine.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Timeout of flushes and shutdowns that have to succeed; shorter than [`PATIENCE`], so that their own error is reported.
pub const FLUSH: Duration = Duration::from_secs(240);
