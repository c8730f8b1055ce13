//! The providers of spans, metrics and logs.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::logs::LoggerProvider;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, Tracer, TracerProvider};

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::span::source::default_scope;

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

    /// Records metrics with `provider` instead of the global one.
    ///
    /// Each call's duration is recorded, in seconds and with the buckets of the conventions, in
    /// `http.server.request.duration`, `http.client.request.duration`, `rpc.server.call.duration`
    /// or `rpc.client.call.duration`. It is the duration of the call's span, whether that is
    /// sampled or not, and is recorded while the span's context is current: a meter provider that
    /// supports exemplars finds the trace there. (`opentelemetry_sdk` 0.33 does not.)
    ///
    /// No label has values that a caller can choose freely: unknown methods and, on clients, hosts
    /// after the first hundred are `_OTHER`.
    ///
    /// By default the global provider is used. It is looked up at the first call, and again after
    /// [`set_meter_provider`](crate::set_meter_provider).
    ///
    /// ```
    /// let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().build();
    /// let layer = lianlu::server().with_meter_provider(provider);
    /// # let _ = layer;
    /// ```
    pub fn with_meter_provider(self, provider: impl MeterProvider + Send + Sync + 'static) -> Self {
        self.with(|options| options.meter.set_provider(Arc::new(provider)))
    }

    /// Records no metrics, not even with the global provider.
    pub fn without_metrics(self) -> Self {
        self.with(|options| options.meter.switch_off())
    }

    /// The provider for exception logs, which then replace span events unless
    /// [`with_exceptions`](Self::with_exceptions) or the environment says otherwise. To know the
    /// messages of panics, it sets a panic hook, which calls the hook before it. Logs: `http.server.request.exception`,
    /// `rpc.client.call.exception` and so on, `ERROR` on servers and `WARN` on clients, with the
    /// call's trace.
    pub fn with_logger_provider<P>(self, provider: P) -> Self
    where
        P: LoggerProvider + Send + Sync + 'static,
        P::Logger: Send + Sync + 'static,
    {
        self.with(|options| {
            let name = options.tracer_name.clone();
            let scope = default_scope(name.unwrap_or("lianlu".into()));
            options.exceptions.set_provider(provider, scope);
        })
    }

    /// The name of the tracer and the meter: the instrumentation scope of spans and metrics.
    pub fn with_tracer_name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|options| {
            options.tracer_name = Some(name.into());
            options.name_scope();
        })
    }
}
