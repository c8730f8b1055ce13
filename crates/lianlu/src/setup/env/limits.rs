//! Limits of the queue, of batches and of the export time.

use std::time::Duration;

use lianlu_sdk::Limits;
use lianlu_sdk::env::Reader;

/// The sizes of the queue and of batches, and the schedule delay.
pub(super) fn queue(reader: &mut Reader) -> Limits {
    const BATCH: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
    let mut limits = Limits::default();
    let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
    if let Some(number) = reader.number("OTEL_BSP_MAX_QUEUE_SIZE", 1, limits.queue_size) {
        limits.queue_size = size(number);
    }
    if let Some(number) = reader.number(BATCH, 1, limits.batch_size) {
        limits.batch_size = size(number);
        if limits.batch_size > limits.queue_size {
            let queue = limits.queue_size;
            reader.warn(
                BATCH,
                &number.to_string(),
                "larger than the queue",
                format!("{queue} is used"),
            );
        }
    }
    let delay = limits.schedule_delay.as_millis();
    if let Some(millis) = reader.number("OTEL_BSP_SCHEDULE_DELAY", 1, delay) {
        limits.schedule_delay = Duration::from_millis(millis);
    }
    limits
}

/// The upper limit of every exporter's timeout.
pub(super) fn export_timeout(reader: &mut Reader) -> Duration {
    let millis = reader.number("OTEL_BSP_EXPORT_TIMEOUT", 1, 30_000);
    Duration::from_millis(millis.unwrap_or(30_000))
}
