//! A provider in the making.

use std::fmt;
use std::io;
use std::sync::Arc;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{IdGenerator, ShouldSample, SpanLimits};

use super::TracerProvider;
use super::ids::Ids;
use super::inner::Inner;
use super::keep::KeepIf;
use super::strategy::Strategy;
use super::{env, ids};
use crate::export::Export;
use crate::pipeline::{Limits, Listener, Notice, launch, to_stderr};

/// Makes a [`TracerProvider`].
#[derive(Default)]
#[must_use = "nothing is made until it is built"]
pub struct TracerProviderBuilder {
    exporter: Option<Box<dyn Export>>,
    sampler: Option<Box<dyn ShouldSample>>,
    resource: Option<Resource>,
    limits: Limits,
    span_limits: Option<SpanLimits>,
    longest_value: Option<usize>,
    ids: Option<Box<dyn IdGenerator>>,
    keep: KeepIf,
    listener: Option<Listener>,
}

impl TracerProviderBuilder {
    /// Where spans go. Without, they are made and go nowhere.
    pub fn with_exporter(mut self, exporter: impl Export) -> Self {
        self.exporter = Some(Box::new(exporter));
        self
    }

    /// Decides which traces are recorded: any sampler of `opentelemetry_sdk`'s kind. By default what
    /// `OTEL_TRACES_SAMPLER` says, else as the parent did, and all roots.
    ///
    /// The SDK's own samplers are answered for without a description of the span. For others, each span that they
    /// decide about is described first.
    pub fn with_sampler(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.sampler = Some(sampler.into());
        self
    }

    /// Describes this service. By default what `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say.
    pub fn with_resource(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// How much the pipeline holds, and how long it waits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How many attributes, events and links a span may have; more are counted. By default what the standard
    /// variables say, else 128 of each.
    pub fn with_span_limits(mut self, limits: SpanLimits) -> Self {
        self.span_limits = Some(limits);
        self
    }

    /// How many characters a text may have in an attribute of a span, an event or a link, or in a list there; longer
    /// ones are cut. By default there is no
    /// [limit](https://opentelemetry.io/docs/specs/otel/common/#attribute-limits).
    pub fn with_attribute_value_length_limit(mut self, most: usize) -> Self {
        self.longest_value = Some(most);
        self
    }

    /// Where ids come from. By default they are random.
    pub fn with_id_generator(mut self, ids: impl IdGenerator + 'static) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// Exports spans that the sampler left out, if they end so. See [`KeepIf`].
    pub fn with_keep_if(mut self, keep: KeepIf) -> Self {
        self.keep = keep;
        self
    }

    /// Tells `listener` when losses begin and when they are over, instead of a line on standard error.
    pub fn with_loss_listener(
        mut self,
        listener: impl Fn(&Notice) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Arc::new(listener));
        self
    }

    /// Starts the pipeline's thread.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn build(self) -> io::Result<TracerProvider> {
        let resource = self.resource.unwrap_or_else(|| Resource::builder().build());
        let pipeline = match self.exporter {
            Some(exporter) => {
                let listener = self.listener.unwrap_or_else(to_stderr);
                let handle = launch(exporter, self.limits, listener)?;
                handle.set_resource(&resource);
                Some(handle.into_shared())
            }
            None => None,
        };
        Ok(TracerProvider::new(Inner::new(
            Strategy::new(self.sampler.unwrap_or_else(env::sampler)),
            self.span_limits.unwrap_or_else(env::limits),
            self.longest_value,
            self.ids.map_or_else(ids::Ids::default, Ids::Custom),
            resource,
            self.keep,
            pipeline,
        )))
    }
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
