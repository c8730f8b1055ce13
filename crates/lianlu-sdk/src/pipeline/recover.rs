//! Sends what a process has left, from another process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::counts::SpanCounts;
use super::launch::Launch;
use super::limits::Limits;
use super::notice::to_stderr;
use crate::error::{BuildError, FlushError};
use crate::export::Export;
use crate::flight_recorder::{RecoveryReport, find};

/// How a [`recover`] went.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovery {
    /// What was in the folder.
    pub found: RecoveryReport,
    /// Where it is now. What waits is still in the folder.
    pub counts: SpanCounts,
    /// Why it has not all arrived, if it hasn't.
    pub outcome: Result<(), FlushError>,
}

/// Sends all that a flight recorder's folder has kept, for `timeout` at most, and leaves there what has not arrived. For
/// the folder of a service that is not started again; one that is does it by itself.
///
/// # Errors
///
/// When the folder is not there, belongs to a process that lives, or can't be read.
pub fn recover(
    dir: &Path,
    exporter: impl Export,
    timeout: Duration,
) -> Result<Recovery, BuildError> {
    let launch = Launch {
        exporters: vec![Box::new(exporter)],
        limits: Limits::default(),
        listener: to_stderr(),
        resource: Arc::default(),
        recorder: None,
    };
    let leftovers = find(dir, &launch.destinations())?;
    let found = leftovers.found.clone();
    let handle = launch.start_with(leftovers.parts, leftovers.rejected)?;
    let outcome = handle.shutdown(timeout);
    drop(leftovers.owner);
    Ok(Recovery {
        found,
        counts: handle.counts(),
        outcome,
    })
}
