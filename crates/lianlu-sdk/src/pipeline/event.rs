//! Events of the pipeline, such as the begin and the end of losses.

use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::env::Warning;
use crate::error::FlushError;
use crate::flight_recorder::RecoveryReport;

/// An event for operators, reported once when a condition begins and once when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipelineEvent {
    /// Spans are being lost: the exporter fails.
    ExportFailing {
        /// The exporter's message.
        reason: String,
    },
    /// The collector does not accept spans. They wait, and nothing is lost yet.
    ExportRetrying {
        /// The exporter's message.
        reason: String,
    },
    /// The exporter works again.
    ExportRecovered {
        /// Number of spans lost in between.
        lost: u64,
    },
    /// The collector accepted all spans but returned a message; reported again when the message
    /// changes.
    CollectorWarns {
        /// The collector's message.
        message: String,
    },
    /// Spans are being lost: more spans end than the exporter can send.
    QueueFull {
        /// Maximum number of waiting spans.
        queue_size: usize,
        /// Maximum size of waiting spans in bytes.
        queue_bytes: usize,
    },
    /// The flight recorder cannot write to the disk: spans wait in memory and do not survive the
    /// process.
    RecorderFailing {
        /// The problem.
        reason: String,
    },
    /// Spans are being lost: the flight recorder is full and configured to drop the oldest.
    RecorderFull {
        /// The configured size.
        max_bytes: u64,
    },
    /// The flight recorder works again and has space.
    RecorderRecovered,
    /// An earlier run of the service has left spans in the flight recorder; they are exported now.
    RecorderFound(RecoveryReport),
    /// A remote sampler cannot get a strategy and keeps the last one.
    SamplingFailing {
        /// The problem.
        reason: String,
    },
    /// A remote sampler gets strategies again.
    SamplingRecovered,
    /// A pipeline was stopped before all of its spans were delivered.
    ShutdownIncomplete(FlushError),
    /// An environment variable has an unusable value; the default is used.
    VariableRefused(Warning),
}

impl fmt::Display for PipelineEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExportFailing { reason } => write!(
                f,
                "spans are being lost, the exporter fails (reported once; the guard has the count): {reason}"
            ),
            Self::ExportRetrying { reason } => write!(
                f,
                "spans wait, the collector does not take them; nothing is lost while they fit in the queue (reported once): \
                 {reason}"
            ),
            Self::ExportRecovered { lost: 0 } => {
                f.write_str("the exporter works again, nothing was lost")
            }
            Self::ExportRecovered { lost } => {
                write!(f, "the exporter works again, {lost} span(s) lost meanwhile")
            }
            Self::CollectorWarns { message } => {
                write!(f, "the collector took the spans but reported: {message}")
            }
            Self::QueueFull {
                queue_size,
                queue_bytes,
            } => write!(
                f,
                "spans are being lost, the queue of {queue_size} spans or of {queue_bytes} bytes is full (reported once; \
                 the guard has the count; OTEL_BSP_MAX_QUEUE_SIZE and Limits::queue_bytes make it larger)"
            ),
            Self::RecorderFailing { reason } => write!(
                f,
                "the flight recorder is out of order, spans wait in memory (reported once): {reason}"
            ),
            Self::RecorderFull { max_bytes } => write!(
                f,
                "spans are being lost, the flight recorder of {max_bytes} bytes is full and drops the oldest (reported \
                 once; the guard has the count)"
            ),
            Self::RecorderRecovered => f.write_str("the flight recorder works again"),
            Self::RecorderFound(report) => write!(
                f,
                "an earlier run has left {} span(s), {} of them of calls that were open when it ended{}",
                report.spans,
                report.unfinished,
                Problems(report)
            ),
            Self::SamplingFailing { reason } => write!(
                f,
                "no sampling strategy, the last one stays in use (reported once): {reason}"
            ),
            Self::SamplingRecovered => f.write_str("sampling strategies arrive again"),
            Self::ShutdownIncomplete(error) => write!(f, "at the shutdown: {error}"),
            Self::VariableRefused(warning) => warning.fmt(f),
        }
    }
}

/// The problems of a recovery report, for the end of its message.
struct Problems<'a>(&'a RecoveryReport);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RecoveryReport {
            damaged,
            torn,
            refused,
            ..
        } = self.0;
        if damaged + torn > 0 {
            write!(
                f,
                "; {damaged} damaged place(s) and {torn} torn file(s) skipped"
            )?;
        }
        for reason in refused {
            write!(f, "; left as it is: {reason}")?;
        }
        Ok(())
    }
}

/// Calls the listener. A panic in it is ignored.
pub(crate) fn announce(listener: &Listener, event: &PipelineEvent) {
    let _ = catch_unwind(AssertUnwindSafe(|| listener(event)));
}

pub(crate) type Listener = Arc<dyn Fn(&PipelineEvent) + Send + Sync>;

/// Writes to standard error, as OpenTelemetry for Go does by default.
pub(crate) fn to_stderr() -> Listener {
    Arc::new(|event| {
        // A single write, because others write there too. Errors are ignored: there is nowhere to
        // report them.
        let _ = std::io::stderr().write_all(format!("lianlu: {event}\n").as_bytes());
    })
}
