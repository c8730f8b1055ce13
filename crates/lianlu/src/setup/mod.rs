//! Sets up a tracer provider with an exporter in one line.
//!
//! [`Pipeline`] holds the options that all pipelines share, such as sampler and resource, and
//! starts the pipeline. Each exporter's file adds its own options.

#[cfg(feature = "config-file")]
pub mod config_file;
#[cfg(feature = "console")]
pub mod console;
pub mod env;
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

use lianlu_sdk::env::{Reader, decode_resource};
use lianlu_sdk::resource::{Detector, detect};
use lianlu_sdk::sampling::Sampler;
use lianlu_sdk::{
    BuildError, Export, FlightRecorder, KeepIf, Limits, OptionError, PipelineEvent, SpanProcessor,
    TracerProvider,
};
use opentelemetry::Key;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanLimits;
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

pub use guard::Guard;
use sampler::SamplerOption;

/// Timeout of a request to a collector.
#[allow(dead_code)]
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

type Listener = Arc<dyn Fn(&PipelineEvent) + Send + Sync>;

/// A builder for a span pipeline with the exporter `E`.
///
/// Created by `lianlu::jaeger::pipeline()` and similar functions; [`install`](Self::install) starts
/// the pipeline.
#[derive(Clone)]
#[must_use = "a pipeline does nothing until it is installed"]
pub struct Pipeline<E> {
    exporter: E,
    also: Vec<Arc<dyn Exporter + Send + Sync>>,
    sampler: Option<SamplerOption>,
    resource: Option<Resource>,
    detectors: Vec<Detector>,
    schedule_delay: Option<Duration>,
    longest_retry: Option<Duration>,
    keep: KeepIf,
    processors: Vec<Arc<dyn SpanProcessor>>,
    recorder: Option<FlightRecorder>,
    listener: Option<Listener>,
}

/// The reason why a pipeline was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// An option has an invalid value; the message names the option.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The exporter's thread could not be started, or the flight recorder's folder is unusable.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl<E> Pipeline<E> {
    // Unused with some combinations of features.
    #[allow(dead_code)]
    fn new(exporter: E) -> Self {
        Self {
            exporter,
            also: Vec::new(),
            sampler: None,
            resource: None,
            detectors: Vec::new(),
            schedule_delay: None,
            longest_retry: None,
            keep: KeepIf::default(),
            processors: Vec::new(),
            recorder: None,
            listener: None,
        }
    }

    /// Sets the sampler, which decides which traces are recorded: a [`Sampler`](crate::Sampler), one of
    /// [`sampling`](crate::sampling), or your own. By default
    /// the sampler of `OTEL_TRACES_SAMPLER`, else `Sampler::ParentBased(AlwaysOn)`.
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::sampling::{RateLimited, Rules, Spans};
    ///
    /// let pipeline = lianlu::console::pipeline().with_sampler(
    ///     Rules::new()
    ///         .never(Spans::health_checks())
    ///         .otherwise(RateLimited::new(100.0))
    ///         .parent_based(),
    /// );
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn with_sampler(mut self, sampler: impl Into<Sampler>) -> Self {
        self.sampler = Some(SamplerOption::Fixed(sampler.into()));
        self
    }

    /// Samples root spans by the strategy that a Jaeger collector provides for this service's
    /// `service.name`. A span with a parent follows the parent's decision.
    ///
    /// Failed requests are reported like losses, see
    /// [`with_loss_listener`](Self::with_loss_listener). Polling stops when the guard is shut down
    /// or dropped.
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::sampling::JaegerRemote;
    ///
    /// let pipeline = lianlu::console::pipeline()
    ///     .with_remote_sampler(JaegerRemote::new("http://localhost:5778"));
    /// # let _ = pipeline;
    /// # }
    /// ```
    #[cfg(feature = "jaeger-remote-sampler")]
    #[cfg_attr(docsrs, doc(cfg(feature = "jaeger-remote-sampler")))]
    pub fn with_remote_sampler(mut self, remote: lianlu_sdk::sampling::JaegerRemote) -> Self {
        self.sampler = Some(SamplerOption::Remote {
            remote,
            parent_based: true,
        });
        self
    }

    /// Sets the resource that describes this service. By default it has the attributes of
    /// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, and those that the SDK provides.
    ///
    /// Its `service.name` is also the name that clients send in `x-md-service-name`, where they send
    /// one ([`default_propagator`](crate::propagation::default_propagator)).
    pub fn with_resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Adds what these detectors find out about host, process, container or Kubernetes to the
    /// resource, from files and variables. Attributes that the resource has already stay. None by
    /// default.
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::pipeline::Detector;
    ///
    /// let pipeline = lianlu::console::pipeline()
    ///     .with_resource_detectors([Detector::Host, Detector::Kubernetes]);
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn with_resource_detectors(
        mut self,
        detectors: impl IntoIterator<Item = Detector>,
    ) -> Self {
        self.detectors.extend(detectors);
        self
    }

    /// Sets how long an ended span waits at most for its batch to fill. By default
    /// `OTEL_BSP_SCHEDULE_DELAY`, else one second.
    pub fn with_schedule_delay(mut self, delay: Duration) -> Self {
        self.schedule_delay = Some(delay);
        self
    }

    /// Gives a batch up that a collector has not accepted for this long, although it asks to be
    /// tried again; its spans are counted as lost. The next batch still waits for as long as the
    /// collector has asked. By default a batch is tried until the end of the program, while the
    /// queue drops further spans when it is full.
    pub fn with_longest_retry(mut self, longest: Duration) -> Self {
        self.longest_retry = Some(longest);
        self
    }

    /// Also exports to the destination of `other`. Each destination has a queue and a thread of its
    /// own, so none waits for another. Only the exporter of `other` is used, not its sampler,
    /// resource and other common options.
    ///
    /// ```
    /// # #[cfg(all(feature = "console", feature = "zipkin"))] {
    /// let pipeline = lianlu::zipkin::pipeline().and(lianlu::console::pipeline());
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn and<F: Exporter + Send + Sync + 'static>(mut self, other: Pipeline<F>) -> Self {
        self.also.push(Arc::new(other.exporter));
        self.also.extend(other.also);
        self
    }

    /// Also exports unsampled spans that match a condition at their end, such as an error or a long
    /// duration. Only the matching spans are exported, not the rest of their trace, and they have
    /// the attribute `lianlu.kept`. None by default. See [`KeepIf`].
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use std::time::Duration;
    /// use lianlu::{Sampler, pipeline::KeepIf};
    ///
    /// let pipeline = lianlu::console::pipeline()
    ///     .with_sampler(Sampler::TraceIdRatioBased(0.01))
    ///     .with_keep_if(KeepIf::error() | KeepIf::slower_than(Duration::from_millis(500)));
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn with_keep_if(mut self, keep: KeepIf) -> Self {
        self.keep = keep;
        self
    }

    /// Adds hooks at the start and at the end of spans, such as
    /// [`BaggageAttributes`](crate::pipeline::BaggageAttributes). With one, spans of layers cost
    /// more. See [`SpanProcessor`].
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::pipeline::BaggageAttributes;
    ///
    /// let pipeline = lianlu::console::pipeline()
    ///     .with_span_processor(BaggageAttributes::of(["tenant"]));
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn with_span_processor(mut self, processor: impl SpanProcessor) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Keeps spans in files in this folder until the collector has accepted them, so that they
    /// survive a crash of the process. The next start of the service exports the spans that had
    /// ended, and each call that had not ended as a span with `lianlu.unfinished`. Recording makes
    /// no system call on a request's path. By default the folder of `LIANLU_FLIGHT_RECORDER_DIR` is
    /// used, if it is set. Each process needs its own folder.
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::pipeline::{Durability, FlightRecorder};
    ///
    /// let pipeline = lianlu::console::pipeline().with_flight_recorder("/var/lib/shop/traces");
    /// // Or with options:
    /// let pipeline = pipeline.with_flight_recorder(
    ///     FlightRecorder::new("/var/lib/shop/traces").with_durability(Durability::PowerLoss),
    /// );
    /// # let _ = pipeline;
    /// # }
    /// ```
    pub fn with_flight_recorder(mut self, recorder: impl Into<FlightRecorder>) -> Self {
        self.recorder = Some(recorder.into());
        self
    }

    /// Calls `listener` when a loss of spans begins and when it ends, instead of writing to
    /// standard error. It is called on the pipeline's thread or on the thread that detects the
    /// loss, and must not block.
    pub fn with_loss_listener(
        mut self,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }
}

/// Builds an exporter from its options. Sealed: the module is private.
pub trait Exporter {
    #[doc(hidden)]
    fn build(&self) -> Result<Vec<Box<dyn Export>>, OptionError>;

    /// Reads the options that all pipelines share from the environment, except those that are set
    /// in code. This default implementation returns an error for an invalid value.
    #[doc(hidden)]
    fn environment(&self, has_sampler: bool) -> Result<Environment, OptionError> {
        let mut reader = Reader::default();
        let environment = env::read_common(&mut reader, has_sampler);
        reader.into_result()?;
        Ok(environment)
    }
}

/// Options from the environment. Unset options have the SDK's defaults.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Environment {
    sampler: Option<SamplerOption>,
    resource: Option<Resource>,
    limits: Limits,
    span_limits: Option<SpanLimits>,
    value_length: Option<usize>,
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Output {
    /// Spans are exported.
    #[default]
    Export,
    /// Spans are created but not exported.
    Discard,
    /// No spans are created.
    Disabled,
}

impl<E: Exporter> Pipeline<E> {
    /// Starts the pipeline and makes it global: its provider becomes the global tracer provider,
    /// and its `service.name` the name that clients send, where they send one
    /// ([`default_propagator`](crate::propagation::default_propagator)). OpenTelemetry's global propagator
    /// becomes the default propagator, unless one is set.
    ///
    /// Its counts are registered as metrics with the global meter provider, which must be set
    /// before ([`Handle::register_metrics`](crate::pipeline::Handle::register_metrics)).
    ///
    /// Keep the guard until the end of the program: dropping it flushes and stops the pipeline.
    ///
    /// A second `install` replaces the global provider. The first pipeline keeps running until its
    /// own guard is dropped, and still exports its spans.
    ///
    /// # Errors
    ///
    /// If an option is invalid; the error names it. An unreachable collector is not an error: the
    /// service keeps running, and the loss is reported once and counted in [`Guard::counts`].
    pub fn install(self) -> Result<Guard, PipelineError> {
        let guard = self.build()?;
        let meter = opentelemetry::global::meter("lianlu");
        guard.handle().register_metrics(&meter);
        crate::span::source::set_tracer_provider(guard.tracer_provider().clone());
        crate::propagation::set_global_propagator();
        // The SDK's default name does not identify the caller, so it is not sent.
        let name = guard.service_name();
        let name = name.filter(|name| !name.starts_with("unknown_service"));
        crate::propagation::set_service_name(name);
        Ok(guard)
    }

    /// Starts the pipeline without making it global. Use this for several pipelines in one process,
    /// and give each layer its [`Guard::tracer_provider`].
    ///
    /// # Errors
    ///
    /// See [`install`](Self::install).
    pub fn build(self) -> Result<Guard, PipelineError> {
        if let Some(sampler) = &self.sampler {
            sampler.check()?;
        }
        let environment = self.exporter.environment(self.sampler.is_some())?;
        let output = match environment.output {
            Output::Discard if !self.also.is_empty() => Output::Export,
            output => output,
        };
        let mut reader = Reader::default();
        let resource = match self.resource {
            Some(resource) => decode_resource(&mut reader, resource),
            None => match environment.resource {
                Some(resource) => resource,
                None => env::read_resource(&mut reader),
            },
        };
        if output != Output::Disabled {
            reader.warnings.iter().for_each(env::print_warning);
        }
        let resource = detect(&self.detectors, resource);
        let service_name = resource
            .get(&Key::from_static_str(SERVICE_NAME))
            .map(|name| name.to_string());
        let mut provider = TracerProvider::builder()
            .with_decoded_resource(resource)
            .with_keep_if(self.keep);
        for processor in self.processors {
            provider = provider.with_span_processor(processor);
        }
        if output == Output::Disabled {
            let provider = provider.with_loss_listener(|_| {}).build()?;
            // After the shutdown the provider creates no spans and propagates the parents' contexts.
            let _ = provider.shutdown(Duration::ZERO);
            return Ok(Guard::new(provider, service_name, self.listener));
        }
        if output == Output::Export {
            let mut exporters = self.exporter.build()?;
            for other in &self.also {
                other.environment(true)?;
                exporters.extend(other.build()?);
            }
            let mut limits = environment.limits;
            if let Some(delay) = self.schedule_delay {
                limits.schedule_delay = delay;
            }
            limits.longest_retry = self.longest_retry.or(limits.longest_retry);
            provider = provider.with_limits(limits);
            for exporter in exporters {
                provider = provider.with_exporter(exporter);
            }
            if let Some(recorder) = self.recorder {
                provider = provider.with_flight_recorder(recorder);
            }
            if let Some(listener) = self.listener.clone() {
                provider = provider.with_loss_listener(move |event| listener(event));
            }
        }
        if let Some(limit) = environment.value_length {
            provider = provider.with_attribute_value_length_limit(limit);
        }
        if let Some(span_limits) = environment.span_limits {
            provider = provider.with_span_limits(span_limits);
        }
        let sampler = self.sampler.or(environment.sampler);
        let listener = self.listener.clone();
        let started = sampler
            .map(|option| option.start(service_name.as_deref().unwrap_or_default(), self.listener))
            .transpose()?;
        #[cfg(feature = "jaeger-remote-sampler")]
        let mut remote = None;
        if let Some(started) = started {
            provider = provider.with_sampler(started.sampler);
            #[cfg(feature = "jaeger-remote-sampler")]
            {
                remote = started.remote;
            }
        }
        #[cfg_attr(not(feature = "jaeger-remote-sampler"), allow(unused_mut))]
        let mut guard = Guard::new(provider.build()?, service_name, listener);
        #[cfg(feature = "jaeger-remote-sampler")]
        if let Some(remote) = remote {
            guard.set_remote_sampler(remote);
        }
        Ok(guard)
    }
}

impl<E: std::fmt::Debug> std::fmt::Debug for Pipeline<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("exporter", &self.exporter)
            .field("sampler", &self.sampler)
            .field("resource", &self.resource)
            .field("detectors", &self.detectors)
            .field("schedule_delay", &self.schedule_delay)
            .field("longest_retry", &self.longest_retry)
            .field("keep", &self.keep)
            .field("processors", &self.processors)
            .field("recorder", &self.recorder)
            .field("listener", &self.listener.is_some())
            .finish()
    }
}
