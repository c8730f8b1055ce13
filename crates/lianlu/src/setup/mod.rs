//! A provider with an exporter behind it, set up in a line.
//!
//! [`Pipeline`] holds what all pipelines have: sampler, resource, limits, and the ways to start.
//! One file for each exporter adds its own options.

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

use lianlu_sdk::{
    BuildError, Export, FlightRecorder, KeepIf, Limits, OptionError, PipelineEvent, TracerProvider,
};
use opentelemetry::Key;
use opentelemetry::trace::noop::NoopTracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{ShouldSample, SpanLimits};
use opentelemetry_semantic_conventions::resource::SERVICE_NAME;

pub use guard::Guard;
use sampler::Choice;

/// How long an HTTP exporter waits for its collector.
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

type Listener = Arc<dyn Fn(&PipelineEvent) + Send + Sync>;

/// A span pipeline in the making: an exporter `E` with the options that all have.
///
/// Made by `lianlu::jaeger::pipeline()` and its likes; [`install`](Self::install) starts it.
#[derive(Clone)]
#[must_use = "a pipeline does nothing until it is installed"]
pub struct Pipeline<E> {
    exporter: E,
    sampler: Option<Choice>,
    resource: Option<Resource>,
    schedule_delay: Option<Duration>,
    keep: KeepIf,
    recorder: Option<FlightRecorder>,
    listener: Option<Listener>,
}

/// Why a pipeline was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// An option has a value that can't be used; the message names the option.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The system gave no thread for the exporter, or the flight recorder's folder can't be used.
    #[error(transparent)]
    Build(#[from] BuildError),
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
            keep: KeepIf::default(),
            recorder: None,
            listener: None,
        }
    }

    /// Decides which traces are recorded: one of the SDK's [`Sampler`](crate::Sampler), one of
    /// [`sampling`](crate::sampling), or any other. `Sampler::ParentBased(AlwaysOn)` by default, or
    /// what `OTEL_TRACES_SAMPLER` says.
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
    pub fn with_sampler(mut self, sampler: impl Into<Box<dyn ShouldSample>> + 'static) -> Self {
        self.sampler = Some(Choice::fixed(sampler));
        self
    }

    /// Leaves the decision about a trace's first span to a Jaeger collector, which is asked for the
    /// strategy of this service, by its `service.name`. A span with a parent does as its parent did.
    ///
    /// Failures are told as losses are, see [`with_loss_listener`](Self::with_loss_listener). The
    /// asking ends with the guard.
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
        self.sampler = Some(Choice::Remote {
            remote,
            parent_based: true,
        });
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

    /// Exports spans that the sampler has left out all the same, if they end in an error or take long: those and no
    /// others of their trace, marked with `lianlu.kept`. By default none. See [`KeepIf`].
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use std::time::Duration;
    /// use lianlu::{KeepIf, Sampler};
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

    /// Keeps spans in files in this folder until the collector has them, so that they outlive the process: what had
    /// ended is exported by the next start of the service, and a call that had not, as a span with
    /// `lianlu.unfinished`. Nothing of that is a system call on a request's path. By default, if
    /// `LIANLU_FLIGHT_RECORDER_DIR` names a folder, there. Each process needs a folder of its own.
    ///
    /// ```
    /// # #[cfg(feature = "console")] {
    /// use lianlu::{Durability, FlightRecorder};
    ///
    /// let pipeline = lianlu::console::pipeline().with_flight_recorder("/var/lib/shop/traces");
    /// // Or, with more to say:
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

    /// Tells `listener` when losses begin and when they are over, instead of a line on standard
    /// error. It is called on the pipeline's thread or on the one that noticed, and must not block.
    pub fn with_loss_listener(
        mut self,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
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
    fn build(&self) -> Result<Self::Export, OptionError>;

    /// What the environment says about all pipelines' options; an option that is set in code is not
    /// looked for. As long as nothing else is said, what can't be used is an error.
    #[doc(hidden)]
    fn environment(&self, has_sampler: bool) -> Result<Environment, OptionError> {
        if !has_sampler {
            sampler::check_env()?;
        }
        Ok(Environment {
            limits: Limits::from_env()?,
            ..Environment::default()
        })
    }
}

/// What the environment says. What it leaves open is the SDK's.
#[doc(hidden)]
#[derive(Debug, Clone, Default)]
pub struct Environment {
    sampler: Option<Choice>,
    resource: Option<Resource>,
    limits: Limits,
    span_limits: Option<SpanLimits>,
    value_length: Option<usize>,
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Output {
    /// Spans go to the exporter.
    #[default]
    Export,
    /// Spans are made, and go nowhere.
    Nowhere,
    /// No spans are made.
    Disabled,
}

impl<E: Exporter> Pipeline<E> {
    /// Starts the pipeline and makes it the global one: its provider becomes the global tracer
    /// provider, its `service.name` the name that clients send.
    ///
    /// Its counts become metrics of the global meter provider, if that is set before
    /// ([`Handle::register_metrics`](crate::Handle::register_metrics)).
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
        let (guard, output) = self.start()?;
        let meter = opentelemetry::global::meter("lianlu");
        guard.handle().register_metrics(&meter);
        if output == Output::Disabled {
            // Spans of this one pass their parent's context on, as if the service weren't there.
            crate::span::source::set_tracer_provider(NoopTracerProvider::new());
        } else {
            crate::span::source::set_tracer_provider(guard.tracer_provider().clone());
        }
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
        Ok(self.start()?.0)
    }

    fn start(self) -> Result<(Guard, Output), PipelineError> {
        if let Some(sampler) = &self.sampler {
            sampler.check()?;
        }
        let environment = self.exporter.environment(self.sampler.is_some())?;
        let output = environment.output;
        let resource = self
            .resource
            .or(environment.resource)
            .unwrap_or_else(|| Resource::builder().build());
        let service_name = resource
            .get(&Key::from_static_str(SERVICE_NAME))
            .map(|name| name.to_string());
        let mut provider = TracerProvider::builder()
            .with_resource(resource)
            .with_keep_if(self.keep);
        if output == Output::Disabled {
            let provider = provider.with_loss_listener(|_| {}).build()?;
            // Nothing to stop but the making of spans.
            let _ = provider.shutdown(Duration::ZERO);
            return Ok((Guard::new(provider, service_name), output));
        }
        if output == Output::Export {
            let exporter = self.exporter.build()?;
            let mut limits = environment.limits;
            if let Some(delay) = self.schedule_delay {
                limits.schedule_delay = delay;
            }
            provider = provider.with_exporter(exporter).with_limits(limits);
            if let Some(recorder) = self.recorder {
                provider = provider.with_flight_recorder(recorder);
            }
            if let Some(listener) = self.listener.clone() {
                provider = provider.with_loss_listener(move |notice| listener(notice));
            }
        }
        if let Some(most) = environment.value_length {
            provider = provider.with_attribute_value_length_limit(most);
        }
        if let Some(span_limits) = environment.span_limits {
            provider = provider.with_span_limits(span_limits);
        }
        let sampler = self.sampler.or(environment.sampler);
        let started = sampler
            .map(|choice| choice.start(service_name.as_deref().unwrap_or_default(), self.listener))
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
        let mut guard = Guard::new(provider.build()?, service_name);
        #[cfg(feature = "jaeger-remote-sampler")]
        if let Some(remote) = remote {
            guard.stops(remote);
        }
        Ok((guard, output))
    }
}

impl<E: std::fmt::Debug> std::fmt::Debug for Pipeline<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("exporter", &self.exporter)
            .field("sampler", &self.sampler)
            .field("resource", &self.resource)
            .field("schedule_delay", &self.schedule_delay)
            .field("keep", &self.keep)
            .field("recorder", &self.recorder)
            .field("listener", &self.listener.is_some())
            .finish()
    }
}
