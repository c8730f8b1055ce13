//! What formats other than OTLP report as attributes of a span, by the
//! [specification](https://opentelemetry.io/docs/specs/otel/common/mapping-to-non-otlp/).

use lianlu_wire::otlp::{Scope, Span};

use crate::export::value::DROPPED_ATTRIBUTES;

/// The scope, also under its deprecated keys.
pub(crate) fn scope_texts<'a>(scope: &Scope<'a>) -> impl Iterator<Item = (&'static str, &'a str)> {
    let texts = [
        ("otel.scope.name", scope.name),
        ("otel.scope.version", scope.version),
        ("otel.library.name", scope.name),
        ("otel.library.version", scope.version),
    ];
    texts.into_iter().filter(|(_, text)| !text.is_empty())
}

/// The counts of what a span has dropped, where there are any.
pub(crate) fn dropped_counts(span: &Span<'_>) -> impl Iterator<Item = (&'static str, u32)> {
    let counts = [
        (DROPPED_ATTRIBUTES, span.dropped_attributes),
        ("otel.dropped_events_count", span.dropped_events),
        ("otel.dropped_links_count", span.dropped_links),
    ];
    counts.into_iter().filter(|(_, dropped)| *dropped > 0)
}
