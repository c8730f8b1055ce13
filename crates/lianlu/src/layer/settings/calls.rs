//! Which calls are traced, by which provider, and to which end.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{Span, Tracer, TracerProvider};

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::stream_end::StreamEnd;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Takes spans from `provider` instead of the global one.
    ///
    /// ```
    /// let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    /// let layer = lianlu::server().with_tracer_provider(provider);
    /// # let _ = layer;
    /// ```
    pub fn with_tracer_provider<P, T, S>(self, provider: P) -> Self
    where
        S: Span + Send + Sync + 'static,
        T: Tracer<Span = S> + Send + Sync + 'static,
        P: TracerProvider<Tracer = T> + Send + Sync + 'static,
    {
        self.with(|options| options.tracer.set_provider(provider))
    }

    /// The name of the tracer, the meter and the logger: the instrumentation scope of what this
    /// layer records.
    pub fn with_tracer_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|options| {
            options.tracer_name = Some(name.into());
            options.name_scope();
        })
    }

    /// Traces and measures only requests for which `filter` returns `true`.
    ///
    /// The context is propagated for the others too, so a trace continues across a call without a
    /// span. To record all spans and export only some, use a sampler.
    ///
    /// ```
    /// // No spans for health checks.
    /// let layer = lianlu::server().with_filter(|head| !lianlu::health_checks(head));
    ///
    /// // A switch in the service's configuration.
    /// let is_on = std::env::var_os("NO_TRACING").is_none();
    /// let layer = lianlu::server().with_filter(move |_| is_on);
    /// # let _ = layer;
    /// ```
    pub fn with_filter(
        self,
        filter: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.filter = Some(Arc::new(filter)))
    }

    /// When the span of a call ends: `choose` gets the request's head, and the route's template if
    /// it is known at the start. By default a span ends with the response's body.
    ///
    /// ```
    /// use lianlu::StreamEnd;
    /// use std::time::Duration;
    ///
    /// let layer = lianlu::server().with_stream_end(|_, route| match route {
    ///     Some("/events") => StreamEnd::Sliced(Duration::from_secs(60)),
    ///     _ => StreamEnd::Body,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn with_stream_end(
        self,
        choose: impl Fn(&RequestHead<'_>, Option<&str>) -> StreamEnd + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.stream_ends = Some(Arc::new(choose)))
    }
}
