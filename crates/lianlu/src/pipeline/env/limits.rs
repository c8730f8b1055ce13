//! The limits of spans, and the sizes of the queue behind them.

use std::time::Duration;

use lianlu_sdk::Limits;
use opentelemetry_sdk::trace::SpanLimits;

use super::warning::Reader;

/// How many of each a span may have.
pub(super) fn spans(reader: &mut Reader) -> SpanLimits {
    let mut limits = SpanLimits::default();
    let mut read = |variable, limit: &mut u32| {
        if let Some(count) = reader.number(variable, 0, *limit) {
            *limit = u32::try_from(count).unwrap_or(u32::MAX);
        }
    };
    // The general one first, which the span's own goes before.
    read(
        "OTEL_ATTRIBUTE_COUNT_LIMIT",
        &mut limits.max_attributes_per_span,
    );
    read(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        &mut limits.max_attributes_per_span,
    );
    read(
        "OTEL_SPAN_EVENT_COUNT_LIMIT",
        &mut limits.max_events_per_span,
    );
    read("OTEL_SPAN_LINK_COUNT_LIMIT", &mut limits.max_links_per_span);
    read(
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
        &mut limits.max_attributes_per_event,
    );
    read(
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
        &mut limits.max_attributes_per_link,
    );
    limits
}

/// How many characters an attribute's value may have.
pub(super) fn value_length(reader: &mut Reader) -> Option<usize> {
    let general = reader.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, "no limit");
    let instead = general.map_or("no limit".to_owned(), |general| general.to_string());
    let own = reader.number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, instead);
    own.or(general)
        .map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// The queue and its batches.
pub(super) fn batches(reader: &mut Reader) -> Limits {
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

/// How long an export may take; an exporter's own time-out goes below it.
pub(super) fn export_timeout(reader: &mut Reader) -> Duration {
    let millis = reader.number("OTEL_BSP_EXPORT_TIMEOUT", 1, 30_000);
    Duration::from_millis(millis.unwrap_or(30_000))
}
