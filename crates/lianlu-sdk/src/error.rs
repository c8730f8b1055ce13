//! Error types, one for each operation.

use crate::export::transport::secrets::without_secrets;

/// An option with an unusable value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}, got {value:?}")]
#[non_exhaustive]
pub struct OptionError {
    /// The method or the environment variable that set it.
    pub option: &'static str,
    /// The value it was given; of a URL without user, query and fragment.
    pub value: String,
    /// The problem, and what is expected.
    pub problem: String,
}

impl OptionError {
    /// An error that names the option, its value and the problem.
    pub fn new(option: &'static str, value: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            option,
            value: without_secrets(&value.into()),
            problem: problem.into(),
        }
    }
}

/// Why a flush or a shutdown was incomplete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The timeout elapsed. Waiting spans are still delivered later unless the process ends; with a
    /// flight recorder, even then. After a shutdown only the recorder keeps them.
    #[error("not flushed in time, {waiting} span(s) still wait for the exporter{}", because(reason.as_deref()))]
    Timeout {
        /// Spans that had ended and were not exported yet.
        waiting: u64,
        /// The reason of the last failed attempt, if any.
        reason: Option<String>,
    },
    /// Spans were lost during the flush.
    #[error("{lost} span(s) lost while flushing: {reason}")]
    Lost {
        /// Number of lost spans.
        lost: u64,
        /// The last reason.
        reason: String,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// Why a [`TracerProvider`](crate::TracerProvider) could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The exporter's thread could not be started.
    #[error("the exporter's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// The flight recorder cannot be used.
    #[error(transparent)]
    Recorder(#[from] crate::flight_recorder::RecorderError),
}
