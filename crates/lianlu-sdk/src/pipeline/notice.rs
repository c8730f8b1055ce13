//! What the pipeline says when losses begin and end.

use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::env::Warning;
use crate::flight_recorder::RecoveryReport;

/// Something an operator should know, said once when it begins and once when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PipelineEvent {
    /// Spans are being lost: the exporter fails.
    ExportFailing {
        /// The exporter's words.
        reason: String,
    },
    /// The collector does not take spans. They wait, and nothing is lost yet.
    ExportRetrying {
        /// The exporter's words.
        reason: String,
    },
    /// The exporter works again.
    ExportRecovered {
        /// Spans lost in between.
        lost: u64,
    },
    /// The collector has taken everything and has something to say all the same; said again when it says
    /// something else.
    CollectorWarns {
        /// Its words.
        message: String,
    },
    /// Spans are being lost: more end than the exporter takes.
    QueueFull {
        /// Most spans that may wait.
        queue_size: usize,
        /// Most bytes that they may have.
        queue_bytes: usize,
    },
    /// The flight recorder can't write to the disk: spans wait in memory, and do not survive the process.
    RecorderFailing {
        /// What is wrong.
        reason: String,
    },
    /// Spans are being lost: the flight recorder is full, and was told to drop the oldest.
    RecorderFull {
        /// The size that it was given.
        max_bytes: u64,
    },
    /// The flight recorder works again, and has room.
    RecorderRecovered,
    /// An earlier run of the service has left something in the flight recorder; it is exported now.
    RecorderFound(RecoveryReport),
    /// A remote sampler gets no strategy, and keeps the one it has.
    SamplingFailing {
        /// What went wrong.
        reason: String,
    },
    /// A remote sampler gets strategies again.
    SamplingRecovered,
    /// An environment variable can't be used, and the default is.
    VariableRefused(Warning),
}

impl fmt::Display for PipelineEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExportFailing { reason } => write!(
                f,
                "spans are being lost, the exporter fails (said once, the guard has the count): {reason}"
            ),
            Self::ExportRetrying { reason } => write!(
                f,
                "spans wait, the collector does not take them; nothing is lost as long as there is room (said once): \
                 {reason}"
            ),
            Self::ExportRecovered { lost: 0 } => {
                f.write_str("the exporter works again, nothing was lost")
            }
            Self::ExportRecovered { lost } => {
                write!(f, "the exporter works again, {lost} span(s) lost meanwhile")
            }
            Self::CollectorWarns { message } => {
                write!(f, "the collector took the spans and says: {message}")
            }
            Self::QueueFull {
                queue_size,
                queue_bytes,
            } => write!(
                f,
                "spans are being lost, the queue of {queue_size} spans or of {queue_bytes} bytes is full (said once, the \
                 guard has the count; OTEL_BSP_MAX_QUEUE_SIZE and Limits::queue_bytes make it larger)"
            ),
            Self::RecorderFailing { reason } => write!(
                f,
                "the flight recorder is out of order, spans wait in memory (said once): {reason}"
            ),
            Self::RecorderFull { max_bytes } => write!(
                f,
                "spans are being lost, the flight recorder of {max_bytes} bytes is full and drops the oldest (said \
                 once, the guard has the count)"
            ),
            Self::RecorderRecovered => f.write_str("the flight recorder works again"),
            Self::RecorderFound(found) => write!(
                f,
                "an earlier run has left {} span(s), {} of them of calls that were open when it ended{}",
                found.spans,
                found.unfinished,
                Rest(found)
            ),
            Self::SamplingFailing { reason } => write!(
                f,
                "no sampling strategy, the last one stays in use (said once): {reason}"
            ),
            Self::SamplingRecovered => f.write_str("sampling strategies arrive again"),
            Self::VariableRefused(warning) => warning.fmt(f),
        }
    }
}

/// What of a find is no good news.
struct Rest<'a>(&'a RecoveryReport);

impl fmt::Display for Rest<'_> {
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
                "; {damaged} damaged place(s) and {torn} torn file(s) passed over"
            )?;
        }
        for reason in refused {
            write!(f, "; left as it is: {reason}")?;
        }
        Ok(())
    }
}

/// Tells the listener, who may do as he likes but not bring anyone down.
pub(crate) fn announce(listener: &Listener, notice: &PipelineEvent) {
    let _ = catch_unwind(AssertUnwindSafe(|| listener(notice)));
}

pub(crate) type Listener = Arc<dyn Fn(&PipelineEvent) + Send + Sync>;

/// Writes to standard error, as Go's OpenTelemetry does by default.
pub(crate) fn to_stderr() -> Listener {
    Arc::new(|notice| {
        // In one piece, as others write there too. Nobody left to tell if this fails.
        let _ = std::io::stderr().write_all(format!("lianlu: {notice}\n").as_bytes());
    })
}
