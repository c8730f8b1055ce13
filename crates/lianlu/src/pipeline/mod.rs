//! A provider with an exporter behind it, set up in a line.
//!
//! [`Pipeline`] holds what all pipelines have: sampler, resource, limits, and the ways to start.
//! One file for each exporter adds its own options.

#[cfg(feature = "console")]
pub mod console;
mod guard;
#[cfg(feature = "jaeger")]
pub mod jaeger;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub mod otlp;
mod sampler;
#[cfg(feature = "zipkin")]
pub mod zipkin;

use std::sync::Arc;
use std::time::Duration;

use lianlu_sdk::{Export, Limits, Notice, OptionError, Processor};
use opentelemetry::Key;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

pub use guard::Guard;

/// How long an HTTP exporter waits for its collector.
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

type Listener = Arc<dyn Fn(&Notice) + Send + Sync>;

/// A span pipeline in the making: an exporter `E` with the options that all have.
///
/// Made by `lianlu::jaeger::pipeline()` and its likes; [`install`](Self::install) starts it.
#[derive(Clone)]
#[must_use = "a pipeline does nothing until it is installed"]
pub struct Pipeline<E> {
    exporter: E,
    sampler: Option<Sampler>,
    resource: Option<Resource>,
    schedule_delay: Option<Duration>,
    listener: Option<Listener>,
}

/// Why a pipeline was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// An option has a value that can't be used; the message names the option.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The system gave no thread for the exporter.
    #[error("no thread for the exporter: {0}")]
    Thread(#[from] std::io::Error),
}

impl<E> Pipeline<E> {
    // Not named by every combination of features.
    #[allow(dead_code)]
    fn new(exporter: E) -> Self {
        Self {
            exporter,
            sampler: None,
            resource: None,
            schedule_delay: None,
            listener: None,
        }
    }

    /// Decides which traces are recorded. `Sampler::ParentBased(AlwaysOn)` by default, or what
    /// `OTEL_TRACES_SAMPLER` says.
    pub fn with_sampler(mut self, sampler: Sampler) -> Self {
        self.sampler = Some(sampler);
        self
    }

    /// Describes this service. By default what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`
    /// say, and the SDK's own attributes.
    ///
    /// Its `service.name` is also what clients call themselves by in `x-md-service-name`.
    pub fn with_resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Longest time that an ended span waits for its batch to fill; one second by default, or
    /// `OTEL_BSP_SCHEDULE_DELAY`.
    pub fn with_schedule_delay(mut self, delay: Duration) -> Self {
        self.schedule_delay = Some(delay);
        self
    }

    /// Tells `listener` when losses begin and when they are over, instead of a line on standard
    /// error. It is called on the pipeline's thread or on the one that noticed, and must not block.
    pub fn with_loss_listener(
        mut self,
        listener: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }
}

/// What makes an exporter out of its options. Sealed by being private.
pub trait Exporter {
    #[doc(hidden)]
    type Export: Export;

    #[doc(hidden)]
    fn build(&self, resource: &Resource) -> Result<Self::Export, OptionError>;
}

impl<E: Exporter> Pipeline<E> {
    /// Starts the pipeline and makes it the global one: its provider becomes the global tracer
    /// provider, its `service.name` the name that clients send.
    ///
    /// Keep the guard until the end of the program: dropping it flushes and stops the pipeline.
    ///
    /// A second `install` takes over as the global one. The first keeps running behind its own guard,
    /// and what its spans recorded still goes out there.
    ///
    /// # Errors
    ///
    /// When an option can't be used; the error names it. A collector that isn't there is no error:
    /// the service runs on, the loss is announced once and counted in [`Guard::counts`].
    pub fn install(self) -> Result<Guard, PipelineError> {
        let guard = self.build()?;
        crate::provider::set_tracer_provider(guard.tracer_provider().clone());
        // A made-up name tells nobody who calls.
        let name = guard.service_name();
        let name = name.filter(|name| !name.starts_with("unknown_service"));
        crate::propagation::set_service_name(name);
        Ok(guard)
    }

    /// Starts the pipeline and leaves the global provider alone: for several in one process, with
    /// [`Guard::tracer_provider`] given to each layer.
    ///
    /// # Errors
    ///
    /// As [`install`](Self::install).
    pub fn build(self) -> Result<Guard, PipelineError> {
        match &self.sampler {
            Some(sampler) => sampler::check("with_sampler", sampler)?,
            None => sampler::check_env()?,
        }
        let mut limits = Limits::from_env()?;
        if let Some(delay) = self.schedule_delay {
            limits.schedule_delay = delay;
        }
        let resource = self.resource.unwrap_or_else(|| Resource::builder().build());
        let exporter = self.exporter.build(&resource)?;
        let processor = match self.listener {
            Some(listener) => {
                Processor::start_with(exporter, limits, move |notice| listener(notice))?
            }
            None => Processor::start(exporter, limits)?,
        };
        let handle = processor.handle();
        let service_name = resource
            .get(&Key::from_static_str(SERVICE_NAME))
            .map(|name| name.to_string());
        let mut provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(processor);
        if let Some(sampler) = self.sampler {
            provider = provider.with_sampler(sampler);
        }
        Ok(Guard::new(provider.build(), handle, service_name))
    }
}

impl<E: std::fmt::Debug> std::fmt::Debug for Pipeline<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("exporter", &self.exporter)
            .field("sampler", &self.sampler)
            .field("resource", &self.resource)
            .field("schedule_delay", &self.schedule_delay)
            .field("listener", &self.listener.is_some())
            .finish()
    }
}
