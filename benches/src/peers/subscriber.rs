//! The subscriber that spans of `tracing` need to get to OpenTelemetry, and nothing else: no formatting.

use opentelemetry::trace::TracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Over the global provider. Lets through the peers' own targets at their own levels: without a filter,
/// hyper's and h2's spans would be recorded and exported as well. A filter of the whole subscriber, by
/// static targets, is the cheapest that there is: it is asked once for each place in the code.
pub(super) fn install(enabled: bool) {
    let targets = if enabled {
        Targets::new()
            // Of the spans that handlers make.
            .with_target("bench", LevelFilter::INFO)
            .with_target("otel::tracing", LevelFilter::TRACE)
            .with_target("tower_otel", LevelFilter::INFO)
            .with_target("tower_http_opentelemetry", LevelFilter::INFO)
    } else {
        Targets::new()
    };
    let tracer = opentelemetry::global::tracer_provider().tracer("bench");
    tracing_subscriber::registry()
        .with(targets)
        .with(tracing_opentelemetry::layer().with_tracer(tracer))
        .init();
}
