//! What a layer was told.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use opentelemetry::InstrumentationScope;
use opentelemetry::propagation::TextMapPropagator;

use crate::conventions::{Dialect, target::Target};
use crate::propagation;
use crate::provider::{TracerSource, default_scope};
use crate::request::RequestHead;

type Filter = dyn Fn(&RequestHead<'_>) -> bool + Send + Sync;

#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) tracer: TracerSource,
    pub(crate) propagator: Arc<dyn TextMapPropagator + Send + Sync>,
    pub(crate) filter: Option<Arc<Filter>>,
    pub(crate) dialect: Dialect,
    pub(super) tracer_name: Option<Cow<'static, str>>,
    pub(crate) target: Option<Target>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tracer: TracerSource::global(default_scope("lianlu".into())),
            propagator: Arc::new(propagation::default_propagator()),
            filter: None,
            dialect: Dialect::OpenTelemetry,
            tracer_name: None,
            target: None,
        }
    }
}

impl Options {
    /// Gives the tracer the name it was told, or the dialect's.
    pub(super) fn name_tracer(&mut self) {
        let name = self.tracer_name.clone();
        self.tracer.set_scope(match self.dialect {
            Dialect::OpenTelemetry => default_scope(name.unwrap_or("lianlu".into())),
            // Kratos gives its tracer no version and no schema.
            Dialect::Kratos => {
                InstrumentationScope::builder(name.unwrap_or("kratos".into())).build()
            }
        });
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("tracer", &self.tracer)
            .field("propagator", &self.propagator)
            .field("filter", &self.filter.is_some())
            .field("dialect", &self.dialect)
            .field("target", &self.target)
            .finish()
    }
}
