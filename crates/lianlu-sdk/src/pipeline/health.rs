//! The health of the pipeline.

use super::shared::Shared;

/// The state of a pipeline for a readiness probe: does it deliver?
///
/// A service without tracing still serves requests, so most services report this without failing
/// the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// All spans arrive, as far as is known.
    Working,
    /// Spans wait or are lost; the reasons are messages for operators.
    Degraded(Vec<String>),
    /// The pipeline was shut down.
    Stopped,
}

impl Health {
    /// Whether there are no problems.
    #[must_use]
    pub fn is_working(&self) -> bool {
        *self == Self::Working
    }

    pub(super) fn of(shared: &Shared) -> Self {
        if shared.is_stopped() {
            return Self::Stopped;
        }
        let mut reasons: Vec<_> = shared
            .destination_counts()
            .into_iter()
            .filter_map(|destination| destination.failing)
            .collect();
        if shared.is_full() {
            reasons.push(format!(
                "spans are dropped, the queue of {} spans or of {} bytes is full",
                shared.limits.queue_size, shared.limits.queue_bytes
            ));
        }
        if let Some(reason) = shared.recorder_failing() {
            reasons.push(format!("the flight recorder: {reason}"));
        }
        match reasons.is_empty() {
            true => Self::Working,
            false => Self::Degraded(reasons),
        }
    }
}
