//! What the pipeline says when losses begin and end.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

/// Something an operator should know, said once when it begins and once when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Spans are being lost: the exporter fails.
    ExportFailing {
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
        /// The queue's size.
        queue_size: usize,
    },
    /// A remote sampler gets no strategy, and keeps the one it has.
    SamplingFailing {
        /// What went wrong.
        reason: String,
    },
    /// A remote sampler gets strategies again.
    SamplingRecovered,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExportFailing { reason } => write!(
                f,
                "spans are being lost, the exporter fails (said once, the guard has the count): {reason}"
            ),
            Self::ExportRecovered { lost } => {
                write!(f, "the exporter works again, {lost} span(s) lost meanwhile")
            }
            Self::CollectorWarns { message } => {
                write!(f, "the collector took the spans and says: {message}")
            }
            Self::QueueFull { queue_size } => write!(
                f,
                "spans are being lost, the queue of {queue_size} is full (said once, the guard has \
                 the count; OTEL_BSP_MAX_QUEUE_SIZE makes it larger)"
            ),
            Self::SamplingFailing { reason } => write!(
                f,
                "no sampling strategy, the last one stays in use (said once): {reason}"
            ),
            Self::SamplingRecovered => f.write_str("sampling strategies arrive again"),
        }
    }
}

pub(crate) type Listener = Arc<dyn Fn(&Notice) + Send + Sync>;

/// Writes to standard error, as Go's OpenTelemetry does by default.
pub(crate) fn to_stderr() -> Listener {
    Arc::new(|notice| {
        // In one piece, as others write there too. Nobody left to tell if this fails.
        let _ = std::io::stderr().write_all(format!("lianlu: {notice}\n").as_bytes());
    })
}
