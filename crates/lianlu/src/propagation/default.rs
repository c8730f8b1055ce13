//! The propagator that layers have where none is set.

use std::any::Any;
use std::borrow::Cow;

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};

use super::by_name;
use super::{Baggage, GlobalPropagator, ServiceName, TraceContext};

/// The layers' default propagator: the propagators in `OTEL_PROPAGATORS`
/// ([`from_env`](super::from_env)) or, if it is not set, baggage and trace context. It also extracts
/// `x-md-service-name`.
///
/// A client layer sends `x-md-service-name` too if it is in Kratos mode
/// ([`kratos`](crate::TraceLayer::kratos)), names the hosts that it may send to
/// ([`with_outbound_hosts`](crate::TraceLayer::with_outbound_hosts)), or has a propagator
/// [`with_caller_name`](Self::with_caller_name); no other host learns it. A name that a request already
/// has is removed: a proxy may have copied that of its own caller. If the variable is set,
/// only its propagators are used: the name is sent if, and only if, the list contains
/// `servicename`.
#[derive(Debug)]
pub struct DefaultPropagator {
    inner: TextMapCompositePropagator,
    is_of_known_headers: bool,
}

/// Makes a [`DefaultPropagator`].
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
///
/// # if std::env::var_os("OTEL_PROPAGATORS").is_some() { return; }
/// let propagator = lianlu::propagation::default_propagator();
/// let mut fields: Vec<_> = propagator.fields().collect();
/// fields.sort();
/// assert_eq!(fields, ["baggage", "traceparent", "tracestate"]);
/// ```
#[must_use]
pub fn default_propagator() -> DefaultPropagator {
    DefaultPropagator::of(ServiceName::from_pipeline())
}

impl DefaultPropagator {
    /// The name of this service that a client sends in `x-md-service-name`, instead of the
    /// `service.name` of the pipeline that was installed last.
    ///
    /// ```
    /// use lianlu::propagation::default_propagator;
    ///
    /// let layer = lianlu::client().with_propagator(default_propagator().with_caller_name("shop"));
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn with_caller_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        Self::of(ServiceName::new(name))
    }

    fn of(service_name: ServiceName) -> Self {
        let from_env = by_name::from_env_for(&service_name);
        Self {
            is_of_known_headers: from_env.is_none(),
            inner: from_env.unwrap_or_else(|| {
                TextMapCompositePropagator::new(vec![
                    Box::new(service_name.of_default()),
                    Box::new(Baggage::new()),
                    Box::new(TraceContext::new()),
                ])
            }),
        }
    }
}

/// What a layer knows about its propagator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PropagatorKind {
    /// The default one. It consists of the three formats that
    /// [`RemoteParent::read`](super::RemoteParent::read) reads.
    Default,
    /// The default one, with the propagators of `OTEL_PROPAGATORS`.
    FromEnv,
    /// OpenTelemetry's global one of the moment.
    Global,
    /// A user's.
    Other,
}

impl PropagatorKind {
    pub(crate) fn of(propagator: &dyn Any) -> Self {
        match propagator.downcast_ref::<DefaultPropagator>() {
            Some(default) if default.is_of_known_headers => Self::Default,
            Some(_) => Self::FromEnv,
            None if propagator.is::<GlobalPropagator>() => Self::Global,
            None => Self::Other,
        }
    }
}

impl TextMapPropagator for DefaultPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.inner.inject_context(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.inner.extract_with_context(cx, extractor)
    }

    fn fields(&self) -> FieldIter<'_> {
        self.inner.fields()
    }
}
