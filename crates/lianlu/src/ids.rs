//! The ids of the current span, for logs and error pages.

use opentelemetry::trace::{SpanContext, TraceContextExt};
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
