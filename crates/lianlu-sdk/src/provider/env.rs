//! What the standard variables say where the code says nothing, as `opentelemetry_sdk` reads them.

use opentelemetry_sdk::trace::{Sampler, ShouldSample, SpanLimits};

/// `OTEL_TRACES_SAMPLER` and its argument. What can't be read is the default: as the parent did, and all roots.
pub(super) fn sampler() -> Box<dyn ShouldSample> {
    let name = std::env::var("OTEL_TRACES_SAMPLER").unwrap_or_default();
    let ratio = || {
        let argument = std::env::var("OTEL_TRACES_SAMPLER_ARG").ok();
        let ratio = argument.and_then(|ratio| ratio.trim().parse().ok());
        Sampler::TraceIdRatioBased(ratio.unwrap_or(1.0))
    };
    Box::new(match name.trim() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => ratio(),
        "parentbased_always_off" => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        "parentbased_traceidratio" => Sampler::ParentBased(Box::new(ratio())),
        _ => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
    })
}

/// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`, `OTEL_SPAN_EVENT_COUNT_LIMIT` and `OTEL_SPAN_LINK_COUNT_LIMIT`; 128 of each
/// where they say nothing that is a number.
pub(super) fn limits() -> SpanLimits {
    let read = |variable, default| {
        let value = std::env::var(variable).ok();
        value
            .and_then(|value| value.trim().parse().ok())
            .unwrap_or(default)
    };
    let default = SpanLimits::default();
    SpanLimits {
        max_attributes_per_span: read(
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
            default.max_attributes_per_span,
        ),
        max_events_per_span: read("OTEL_SPAN_EVENT_COUNT_LIMIT", default.max_events_per_span),
        max_links_per_span: read("OTEL_SPAN_LINK_COUNT_LIMIT", default.max_links_per_span),
        ..default
    }
}
