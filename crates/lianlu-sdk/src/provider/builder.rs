//! The builder of a provider.

use std::any::TypeId;
use std::fmt;
use std::sync::Arc;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanLimits};

use super::TracerProvider;
use super::ids::Ids;
use super::inner::{Inner, Owner};
use super::keep::KeepIf;
use super::processor::{Processors, SpanProcessor};
use crate::encode::EncodedResource;
use crate::env;
use crate::error::BuildError;
use crate::export::Export;
use crate::flight_recorder::FlightRecorder;
use crate::pipeline::{Launch, Limits, Listener, PipelineEvent, announce, to_stderr};
use crate::resource;
use crate::sampling::Sampler;
use crate::scopes::Scopes;

/// Builds a [`TracerProvider`].
#[derive(Default)]
#[must_use = "nothing is made until it is built"]
pub struct TracerProviderBuilder {
    exporters: Vec<Box<dyn Export>>,
    recorder: Option<FlightRecorder>,
    sampler: Option<Sampler>,
    resource: Option<Resource>,
    is_decoded: bool,
    limits: Limits,
    span_limits: Option<SpanLimits>,
    longest_value: Option<usize>,
    ids: Option<Box<dyn IdGenerator>>,
    has_random_ids: Option<bool>,
    keep: KeepIf,
    processors: Vec<Arc<dyn SpanProcessor>>,
    listener: Option<Listener>,
}

impl TracerProviderBuilder {
    /// Adds an exporter. Each has its own thread, so none waits for another; all share the same
    /// bytes. Without an exporter, spans are made but not sent.
    pub fn with_exporter(mut self, exporter: impl Export) -> Self {
        self.exporters.push(Box::new(exporter));
        self
    }

    /// Keeps spans in files until every exporter has sent them, so that they outlive the process.
    /// By default in the folder that `LIANLU_FLIGHT_RECORDER_DIR` names, if it is set.
    ///
    /// Spans that an earlier run has left in the folder are exported too, and so are its calls that
    /// were open when it died: as spans with the attribute `lianlu.unfinished`.
    pub fn with_flight_recorder(mut self, recorder: impl Into<FlightRecorder>) -> Self {
        self.recorder = Some(recorder.into());
        self
    }

    /// Decides which traces are recorded: a [`Sampler`], or one of `opentelemetry_sdk`
    /// ([`Sampler::custom`]). By default `OTEL_TRACES_SAMPLER` decides; if it is not set, spans
    /// follow their parent, and all roots are sampled.
    pub fn with_sampler(mut self, sampler: impl Into<Sampler>) -> Self {
        self.sampler = Some(sampler.into());
        self
    }

    /// Describes this service. By default from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
    ///
    /// `telemetry.sdk.*` names this SDK, unless the resource names one that is not OpenTelemetry's.
    /// Without a `service.instance.id`, the resource gets a random one. For attributes of host,
    /// process and container see [`Detector`](crate::resource::Detector).
    pub fn with_resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self.is_decoded = false;
        self
    }

    /// As [`with_resource`](Self::with_resource), of a resource that is complete: it is not compared
    /// with the environment.
    #[doc(hidden)]
    pub fn with_decoded_resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self.is_decoded = true;
        self
    }

    /// Limits how much the pipeline holds and how long it waits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Limits how many attributes, events and links a span may have; further ones are only counted.
    /// By default from the standard variables, else 128 of each.
    pub fn with_span_limits(mut self, limits: SpanLimits) -> Self {
        self.span_limits = Some(limits);
        self
    }

    /// Limits the length, in characters, of texts in attributes of spans, events and links, also in
    /// lists; longer texts are cut. By default from the standard variables, else without a
    /// [limit](https://opentelemetry.io/docs/specs/otel/common/#attribute-limits).
    pub fn with_attribute_value_length_limit(mut self, most: usize) -> Self {
        self.longest_value = Some(most);
        self
    }

    /// Sets the generator of ids. By default they are random.
    ///
    /// New traces then have the flag of random trace ids only if
    /// [`with_random_trace_ids`](Self::with_random_trace_ids) says so, or if this is the generator
    /// of `opentelemetry_sdk`.
    pub fn with_id_generator<I: IdGenerator + 'static>(mut self, ids: I) -> Self {
        let is_random = TypeId::of::<I>() == TypeId::of::<RandomIdGenerator>();
        self.has_random_ids.get_or_insert(is_random);
        self.ids = Some(Box::new(ids));
        self
    }

    /// Whether the last seven bytes of new trace ids are random. If so, new traces have the
    /// [flag](https://www.w3.org/TR/trace-context-2/#random-trace-id-flag) that lets samplers of
    /// other services rely on it: `traceparent: 00-…-03`. The flags of a caller's trace are passed
    /// on unchanged. By default true, and false with an
    /// [own generator](Self::with_id_generator).
    pub fn with_random_trace_ids(mut self, are_random: bool) -> Self {
        self.has_random_ids = Some(are_random);
        self
    }

    /// Exports spans that the sampler left out, if their end meets a condition. See [`KeepIf`].
    pub fn with_keep_if(mut self, keep: KeepIf) -> Self {
        self.keep = keep;
        self
    }

    /// Adds hooks at the start and at the end of spans. See [`SpanProcessor`].
    pub fn with_span_processor(mut self, processor: impl SpanProcessor) -> Self {
        self.processors.push(Arc::new(processor));
        self
    }

    /// Calls `listener` when losses begin and end, and about environment variables with invalid
    /// values, instead of writing to standard error.
    pub fn with_loss_listener(
        mut self,
        listener: impl Fn(&PipelineEvent) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Starts the pipeline's threads.
    ///
    /// # Errors
    ///
    /// If the system cannot start a thread, or the flight recorder's folder cannot be used.
    pub fn build(self) -> Result<TracerProvider, BuildError> {
        let listener = self.listener.unwrap_or_else(to_stderr);
        let mut reader = env::Reader::default();
        reader.warnings.extend(env::unusable_config_file());
        let sampler = self.sampler;
        let sampler = sampler.unwrap_or_else(|| sampler_of_env(&mut reader));
        let span_limits = self.span_limits;
        let span_limits = span_limits.unwrap_or_else(|| env::span_limits(&mut reader));
        let longest_value = self.longest_value;
        let longest_value = longest_value.or_else(|| env::value_length(&mut reader));
        let resource = match self.resource {
            Some(resource) if self.is_decoded => resource,
            Some(resource) => env::decode_resource(&mut reader, resource),
            None => env::resource(&mut reader),
        };
        for warning in reader.warnings {
            announce(&listener, &PipelineEvent::VariableRefused(warning));
        }
        let resource = resource::of_provider(&resource);
        let mut pipeline = None;
        if !self.exporters.is_empty() {
            let launch = Launch {
                exporters: self.exporters,
                limits: self.limits,
                listener,
                resource: EncodedResource::new(&resource),
                recorder: self.recorder.or_else(FlightRecorder::from_env),
            };
            pipeline = Some(launch.start()?.into_shared());
        }
        let inner = Inner::new(span_limits, longest_value, self.keep, pipeline);
        let has_any = !self.processors.is_empty();
        let owner = Owner {
            inner: Arc::new(inner),
            sampler,
            processors: has_any.then(|| Arc::new(Processors(self.processors))),
            ids: Ids::new(self.ids, self.has_random_ids.unwrap_or(true)),
            resource,
            scopes: Scopes::default(),
        };
        Ok(TracerProvider {
            owner: Arc::new(owner),
        })
    }
}

fn sampler_of_env(reader: &mut env::Reader) -> Sampler {
    const PROBLEM: &str = "not a sampler (always_on, always_off, traceidratio, each also with parentbased_ before it)";
    env::sampler(reader).unwrap_or_else(|name| env::refuse_sampler(reader, &name, PROBLEM))
}

impl fmt::Debug for TracerProviderBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerProviderBuilder")
            .field("sampler", &self.sampler)
            .field("limits", &self.limits)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
