//! Sizes and delays of the pipeline.

use std::time::Duration;

use crate::env::{self, Reader};
use crate::error::OptionError;

/// The pipeline's sizes and delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Maximum number of spans that wait for the exporter; further ones are dropped and counted.
    pub queue_size: usize,
    /// Maximum size of the spans that were handed over and wait for the exporter; further ones are
    /// dropped and counted. The threads' own buffers, of at most half a megabyte plus one span, are
    /// not counted, and are accepted if nothing else waits.
    pub queue_bytes: usize,
    /// Maximum number of spans in one export. A batch filled by one thread is exported immediately.
    pub batch_size: usize,
    /// Longest time that a span waits for its batch to fill.
    pub schedule_delay: Duration,
    /// Delay before a batch is retried that a collector has not accepted. It grows by half each
    /// time up to [`retry_max`](Self::retry_max); a random factor between 0.5 and 1.5 is applied.
    pub retry_initial: Duration,
    /// Longest delay between retries.
    pub retry_max: Duration,
    /// Longest time that a batch is retried; after that its spans are lost. The next batch still
    /// waits for as long as the collector has asked. `None`: until the shutdown.
    pub longest_retry: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue_size: 16_384,
            queue_bytes: 64 * 1024 * 1024,
            batch_size: 512,
            schedule_delay: Duration::from_secs(1),
            retry_initial: Duration::from_secs(1),
            retry_max: Duration::from_secs(30),
            longest_retry: None,
        }
    }
}

impl Limits {
    /// The defaults (16,384 spans, batches of 512, one second), changed by the [standard
    /// variables](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/)
    /// `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BSP_MAX_EXPORT_BATCH_SIZE` and `OTEL_BSP_SCHEDULE_DELAY`
    /// (milliseconds).
    ///
    /// # Errors
    ///
    /// Names the variable that is not a positive integer (a delay may be 0), or a batch that is
    /// larger than the queue.
    pub fn from_env() -> Result<Self, OptionError> {
        let mut reader = Reader::default();
        let limits = env::pipeline_limits(&mut reader);
        reader.into_result()?;
        Ok(limits)
    }

    /// Clamps the limits to usable values: sizes of at least one, a batch no larger than the queue,
    /// a delay from a millisecond to a day.
    pub(super) fn usable(self) -> Self {
        const SHORTEST: Duration = Duration::from_millis(1);
        const LONGEST: Duration = Duration::from_secs(24 * 3600);
        let queue_size = self.queue_size.max(1);
        Self {
            queue_size,
            queue_bytes: self.queue_bytes,
            batch_size: self.batch_size.clamp(1, queue_size),
            schedule_delay: self.schedule_delay.clamp(SHORTEST, LONGEST),
            retry_initial: self.retry_initial.clamp(SHORTEST, LONGEST),
            retry_max: self.retry_max.clamp(SHORTEST, LONGEST),
            longest_retry: self.longest_retry,
        }
    }
}
