//! What an exporter is to the pipeline.

use crate::batch::Batch;

/// Takes finished spans out of the process. Runs on the pipeline's own thread, one call at a time,
/// and may block there for as long as its own time-out allows.
pub trait Export: Send + 'static {
    /// Delivers a batch. What could not be delivered is given up and counted.
    ///
    /// # Errors
    ///
    /// How many of the batch's spans were lost, and why.
    fn export(&mut self, batch: &Batch) -> Result<(), Failure>;

    /// Called when nothing waits, at intervals of the schedule delay: for exporters that hold
    /// something back themselves.
    fn idle(&mut self) {}

    /// Called at the end of a flush and of a shutdown, after everything waiting was exported.
    fn flush(&mut self) {}
}

impl Export for Box<dyn Export> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        (**self).export(batch)
    }

    fn idle(&mut self) {
        (**self).idle();
    }

    fn flush(&mut self) {
        (**self).flush();
    }
}

/// Spans lost in one call of an exporter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{lost} span(s) lost: {reason}")]
pub struct Failure {
    /// How many of the batch.
    pub lost: usize,
    /// Why, for people.
    pub reason: String,
}

impl Failure {
    /// `lost` spans of a batch are gone, for this reason.
    pub fn new(lost: usize, reason: impl Into<String>) -> Self {
        Self {
            lost,
            reason: reason.into(),
        }
    }
}
