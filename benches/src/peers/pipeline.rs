//! Where spans go. Each pipeline is real, with its worker on a thread of its own; only what stands at
//! its end differs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    None,
    Lianlu,
    Sdk,
    /// The SDK behind a subscriber of `tracing`.
    SdkByTracing,
    Fastrace,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

#[derive(Clone, Debug)]
pub(crate) enum Destination {
    /// An exporter that counts and drops.
    Nowhere,
    /// A collector's URL.
    Otlp(Protocol, String),
}

/// A pipeline that runs.
pub(crate) trait Pipeline {
    /// Waits until all that has ended is exported.
    fn flush(&self);

    /// For good.
    fn shutdown(self: Box<Self>) {
        self.flush();
    }
}

/// Spans that got to the end of a pipeline that leads nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exported(Arc<AtomicU64>);

impl Exported {
    pub(super) fn add(&self, spans: usize) {
        self.0.fetch_add(spans as u64, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Starts a pipeline and makes it the process's. `enabled` is whether the subscriber of `tracing` lets
/// spans through, for peers that have no other switch.
pub(crate) fn install(
    kind: Kind,
    destination: &Destination,
    enabled: bool,
) -> (Box<dyn Pipeline>, Exported) {
    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]));
    let exported = Exported::default();
    let pipeline = match kind {
        Kind::None => Box::new(Nothing),
        Kind::Lianlu => super::lianlu::install(destination, &exported),
        // What has no switch of its own is switched off with a provider that does nothing.
        Kind::Sdk if !enabled => {
            let noop = opentelemetry::trace::noop::NoopTracerProvider::new();
            ::lianlu::set_tracer_provider(noop);
            Box::new(Nothing)
        }
        Kind::Sdk => super::sdk::install(destination, &exported),
        Kind::SdkByTracing => {
            let pipeline = super::sdk::install(destination, &exported);
            super::subscriber::install(enabled);
            pipeline
        }
        Kind::Fastrace => super::fastrace::install(destination, &exported),
    };
    (pipeline, exported)
}

pub(super) fn resource() -> Resource {
    Resource::builder().with_service_name("greeter").build()
}

struct Nothing;

impl Pipeline for Nothing {
    fn flush(&self) {}
}
