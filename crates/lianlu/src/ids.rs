//! The ids of the current span, for logs and error pages.

use std::hash::{BuildHasher, RandomState};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};

/// The current trace id: 32 lower-case hex digits, or an empty string outside of a trace.
///
/// ```
/// assert_eq!(lianlu::trace_id(), "");
/// ```
#[must_use]
pub fn trace_id() -> String {
    current(|span| span.trace_id().to_string())
}

/// The current span id: 16 lower-case hex digits, or an empty string outside of a span.
///
/// ```
/// assert_eq!(lianlu::span_id(), "");
/// ```
#[must_use]
pub fn span_id() -> String {
    current(|span| span.span_id().to_string())
}

/// `trace_id` and `span_id` of the current span as log attributes. Both are present even if empty.
///
/// ```
/// let [trace_id, span_id] = lianlu::trace_attrs();
/// assert_eq!(trace_id.key.as_str(), "trace_id");
/// assert_eq!(span_id.key.as_str(), "span_id");
/// ```
#[must_use]
pub fn trace_attrs() -> [KeyValue; 2] {
    [
        KeyValue::new("trace_id", trace_id()),
        KeyValue::new("span_id", span_id()),
    ]
}

fn current(read: impl FnOnce(&SpanContext) -> String) -> String {
    Context::map_current(|cx| {
        let span = cx.span();
        let span = span.span_context();
        if span.is_valid() {
            read(span)
        } else {
            String::new()
        }
    })
}

/// A random trace id, for calls without a span from a provider.
pub(crate) fn random_trace_id() -> TraceId {
    let high = u128::from(random()) << 64;
    TraceId::from((high | u128::from(random())).max(1))
}

pub(crate) fn random_span_id() -> SpanId {
    SpanId::from(random().max(1))
}

/// Uses the random keys of the standard library's hash maps, which differ for each `RandomState`.
/// This avoids a dependency on a random number generator.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| random_trace_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert_ne!(random_span_id(), random_span_id());
    }
}
