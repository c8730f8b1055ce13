//! Recovery by another process: sends the spans that a process has left.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::counts::SpanCounts;
use super::event::to_stderr;
use super::launch::Launch;
use super::limits::Limits;
use crate::error::{BuildError, FlushError};
use crate::export::Export;
use crate::flight_recorder::{RecoveryReport, find};

/// The result of [`recover`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recovery {
    /// The content of the folder.
    pub found: RecoveryReport,
    /// The counts of its spans. Waiting ones are still in the folder.
    pub counts: SpanCounts,
    /// Why not all spans have arrived.
    pub outcome: Result<(), FlushError>,
}

/// Sends all spans in a flight recorder's folder, for `timeout` at most; spans that are not
/// accepted stay there. For the folder of a service that is not restarted; a restarted service does
/// it by itself.
///
/// # Errors
///
/// When the folder does not exist, belongs to a running process, or cannot be read.
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
    let recovered = find(dir, &launch.destinations())?;
    let found = recovered.report.clone();
    let handle = launch.start_with(recovered.parts, recovered.rejected)?;
    let outcome = handle.shutdown(timeout);
    drop(recovered.owner);
    Ok(Recovery {
        found,
        counts: handle.counts(),
        outcome,
    })
}
