//! Whether the pipeline does what it is there for.

use super::shared::Shared;

/// What a readiness probe may ask of a pipeline: does it deliver?
///
/// A service without tracing still serves, so most will report this and not fail by it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// As far as is known, every span arrives.
    Working,
    /// Something is wrong: spans wait, or are lost. The reasons are for people.
    Degraded(Vec<String>),
    /// The pipeline was shut down.
    Stopped,
}

impl Health {
    /// Whether nothing is wrong.
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
