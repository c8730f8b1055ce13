//! A service's pipeline, with either provider.

use std::time::Duration;

use lianlu::{Guard, Resource};
use lianlu_sdk::{Export, Handle, Limits, Processor, SpanCounts};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::jaeger::Jaeger;
use crate::process::PATIENCE;
use crate::provider::{Provider, ProviderKind};

/// lianlu's pipeline, or, with `LIANLU_TEST_PROVIDER=opentelemetry_sdk`, that crate's provider with
/// the same exporter.
#[derive(Debug)]
pub struct Pipeline(Inner);

#[derive(Debug)]
enum Inner {
    Ours(Guard),
    Sdk(SdkTracerProvider, Handle),
}

impl Pipeline {
    /// The pipeline of this run: `ours` builds one as users do; `exporter` is for the other
    /// provider.
    ///
    /// # Panics
    ///
    /// If the thread cannot be started.
    pub fn new<E: Export>(
        resource: Resource,
        ours: impl FnOnce(Resource) -> Guard,
        exporter: impl FnOnce() -> E,
    ) -> Self {
        if ProviderKind::from_env() == ProviderKind::Ours {
            return Self(Inner::Ours(ours(resource)));
        }
        let processor = Processor::start(exporter(), Limits::default()).expect("a thread");
        let handle = processor.handle();
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        Self(Inner::Sdk(provider, handle))
    }

    /// For one of several services in this process.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn of_service(jaeger: &Jaeger, service: &'static str) -> Self {
        Self::new(
            Resource::builder_empty().with_service_name(service).build(),
            |resource| {
                lianlu::otlp::pipeline()
                    .with_protocol(lianlu::otlp::Protocol::Grpc)
                    .with_endpoint(jaeger.otlp_grpc())
                    .with_sampler(Sampler::AlwaysOn)
                    .with_resource(resource)
                    .build()
                    .expect("a pipeline")
            },
            || {
                lianlu_sdk::otlp::Exporter::builder(lianlu_sdk::otlp::Protocol::Grpc)
                    .with_endpoint(jaeger.otlp_grpc())
                    .build()
                    .expect("an exporter")
            },
        )
    }

    /// The provider, for layers.
    #[must_use]
    pub fn provider(&self) -> Provider {
        match &self.0 {
            Inner::Ours(guard) => Provider::Ours(guard.tracer_provider().clone()),
            Inner::Sdk(provider, _) => Provider::Sdk(provider.clone()),
        }
    }

    /// A tracer, for spans of the test.
    #[must_use]
    pub fn tracer(&self, name: &'static str) -> BoxedTracer {
        let scope = InstrumentationScope::builder(name).build();
        self.provider().tracer(scope)
    }

    /// Exports all ended spans.
    ///
    /// # Panics
    ///
    /// If a span is lost.
    pub fn flush(&self) {
        self.handle().flush(PATIENCE).expect("a flush");
    }

    /// The counts of spans.
    #[must_use]
    pub fn counts(&self) -> SpanCounts {
        self.handle().counts()
    }

    fn handle(&self) -> Handle {
        match &self.0 {
            Inner::Ours(guard) => guard.handle(),
            Inner::Sdk(_, handle) => handle.clone(),
        }
    }
}

/// With a shorter time-out than the provider's own, for tests without a collector.
impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Inner::Sdk(provider, _) = &self.0 {
            let _ = provider.shutdown_with_timeout(Duration::from_secs(5));
        }
    }
}
