//! Limits of the pipeline and of spans from the environment.

use std::time::Duration;

use opentelemetry_sdk::trace::SpanLimits;

use super::Reader;
use crate::pipeline::Limits;

/// The sizes of the queue and of batches, and the schedule delay.
#[must_use]
pub fn pipeline_limits(reader: &mut Reader) -> Limits {
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
    if let Some(millis) = reader.number("OTEL_BSP_SCHEDULE_DELAY", 0, delay) {
        limits.schedule_delay = Duration::from_millis(millis);
    }
    limits
}

/// Limits for attributes, events and links of a span, and for attributes of events and links: 128
/// by default.
#[must_use]
pub fn span_limits(reader: &mut Reader) -> SpanLimits {
    let mut limits = SpanLimits::default();
    let mut read = |variable, limit: &mut u32| {
        *limit = reader.count(variable, *limit);
    };
    // The general limit first; the span-specific one overrides it.
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

/// Maximum length of an attribute value in characters, if limited.
#[must_use]
pub fn value_length(reader: &mut Reader) -> Option<usize> {
    let general = reader.number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, "no limit");
    let instead = general.map_or("no limit".to_owned(), |general| general.to_string());
    let own = reader.number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0, instead);
    own.or(general)
        .map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}
