//! A service's pipeline, over either provider.

use std::time::Duration;

use lianlu::{Guard, Resource};
use lianlu_sdk::{Export, Handle, Limits, Processor, SpanCounts};
use opentelemetry::InstrumentationScope;
use opentelemetry::global::BoxedTracer;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::jaeger::Jaeger;
use crate::process::PATIENCE;
use crate::provider::{Provider, Whose};

/// lianlu's own, or the same exporter behind `opentelemetry_sdk`'s provider, where `LIANLU_TEST_PROVIDER` says
/// that.
#[derive(Debug)]
pub struct Pipeline(Inner);

#[derive(Debug)]
enum Inner {
    Ours(Guard),
    Sdk(SdkTracerProvider, Handle),
}

impl Pipeline {
    /// The one of this run: `ours` starts a pipeline as users do, and `exporter` is what stands behind it.
    ///
    /// # Panics
    ///
    /// If the pipeline's thread can't be started.
    pub fn new<E: Export>(
        resource: Resource,
        ours: impl FnOnce(Resource) -> Guard,
        exporter: impl FnOnce() -> E,
    ) -> Self {
        if Whose::of_this_run() == Whose::Ours {
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
    /// If it can't be started.
    #[must_use]
    pub fn of_service(jaeger: &Jaeger, service: &'static str) -> Self {
        Self::new(
            Resource::builder_empty().with_service_name(service).build(),
            |resource| {
                lianlu::otlp::pipeline()
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

    /// For layers.
    #[must_use]
    pub fn provider(&self) -> Provider {
        match &self.0 {
            Inner::Ours(guard) => Provider::Ours(guard.tracer_provider().clone()),
            Inner::Sdk(provider, _) => Provider::Sdk(provider.clone()),
        }
    }

    /// For spans of the test's own.
    #[must_use]
    pub fn tracer(&self, name: &'static str) -> BoxedTracer {
        let scope = InstrumentationScope::builder(name).build();
        self.provider().tracer(scope)
    }

    /// Exports all that has ended.
    ///
    /// # Panics
    ///
    /// If something is lost.
    pub fn flush(&self) {
        self.handle().flush(PATIENCE).expect("a flush");
    }

    /// Where every span is.
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

/// A guard's own patience is longer than a test without a collector should take.
impl Drop for Pipeline {
    fn drop(&mut self) {
        if let Inner::Sdk(provider, _) = &self.0 {
            let _ = provider.shutdown_with_timeout(Duration::from_secs(5));
        }
    }
}
