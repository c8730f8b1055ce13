//! Metrics: where they go, and which there are besides durations.

use std::fmt;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::hooks::MetricAttributes;
use crate::describe::outcome::Outcome;
use crate::metrics::Provider;

/// The metrics of a layer's calls; see [`with_metrics`](TraceLayer::with_metrics).
///
/// Each call's duration is recorded, in seconds and with the buckets of the conventions, in
/// `http.server.request.duration`, `http.client.request.duration`, `rpc.server.call.duration` or
/// `rpc.client.call.duration`. It is the duration of the call's span, whether that is sampled or
/// not, and is recorded while the span's context is current: a meter provider that supports
/// exemplars finds the trace there. (`opentelemetry_sdk` 0.33 does not.)
///
/// No label has values that a caller can choose freely: unknown methods and, on clients, hosts
/// after the first hundred are `_OTHER`.
///
/// ```
/// let provider = opentelemetry_sdk::metrics::SdkMeterProvider::builder().build();
/// let layer =
///     lianlu::server().with_metrics(|metrics| metrics.provider(provider).active_requests());
/// # let _ = layer;
/// ```
#[must_use]
pub struct Metrics {
    provider: Provider,
    active_requests: bool,
    body_sizes: bool,
    attributes: Option<Arc<MetricAttributes>>,
}

impl Metrics {
    /// No metrics, not even with the global provider.
    pub fn off(mut self) -> Self {
        self.provider = Provider::Off;
        self
    }

    /// Records with `provider` instead of the global one. (That is looked up at the first call, and
    /// again after [`set_meter_provider`](crate::set_meter_provider).)
    pub fn provider(mut self, provider: impl MeterProvider + Send + Sync + 'static) -> Self {
        self.provider = Provider::Own(Arc::new(provider));
        self
    }

    /// Also counts the HTTP requests in progress, to the end of their bodies:
    /// `http.server.active_requests`, `http.client.active_requests`. Opt-in in the current
    /// conventions; nothing is counted with
    /// [`Generation::Old`](crate::conventions::Generation::Old).
    pub fn active_requests(mut self) -> Self {
        self.active_requests = true;
        self
    }

    /// Also measures the bodies of HTTP calls, in bytes: `http.server.request.body.size`,
    /// `http.server.response.body.size` and those of clients. Opt-in in the current conventions;
    /// nothing is measured with [`Generation::Old`](crate::conventions::Generation::Old).
    ///
    /// Response bodies and the request bodies of tonic and axum are counted as they pass. For other
    /// request bodies, and for response bodies that the span does not wait for
    /// ([`StreamEnd::Headers`](crate::StreamEnd::Headers)), the size is taken from the head or from
    /// the client; it is missing if neither has it.
    pub fn body_sizes(mut self) -> Self {
        self.body_sizes = true;
        self
    }

    /// Adds labels to a call's duration and size metrics, besides those of the conventions. The
    /// active requests do not get them, because they are counted before the outcome is known. Each
    /// value is a separate series, so values should have low cardinality.
    ///
    /// ```
    /// use lianlu::KeyValue;
    ///
    /// let layer = lianlu::server().with_metrics(|metrics| {
    ///     metrics.attributes(|outcome| vec![KeyValue::new("slow", outcome.duration().as_secs() > 1)])
    /// });
    /// # let _ = layer;
    /// ```
    pub fn attributes(
        mut self,
        attributes: impl Fn(&Outcome<'_>) -> Vec<KeyValue> + Send + Sync + 'static,
    ) -> Self {
        self.attributes = Some(Arc::new(attributes));
        self
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("provider", &self.provider)
            .field("active_requests", &self.active_requests)
            .field("body_sizes", &self.body_sizes)
            .finish_non_exhaustive()
    }
}

impl<K: Side> TraceLayer<K> {
    /// Changes the metrics of this layer's calls. By default there are durations, with the global
    /// meter provider.
    pub fn with_metrics(self, change: impl FnOnce(Metrics) -> Metrics) -> Self {
        self.with(|options| {
            let metrics = change(Metrics {
                provider: options.meter.provider(),
                active_requests: options.active_requests,
                body_sizes: options.body_sizes,
                attributes: options.hooks.metric_attributes.take(),
            });
            options.meter.set_provider(metrics.provider);
            options.active_requests = metrics.active_requests;
            options.body_sizes = metrics.body_sizes;
            options.hooks.metric_attributes = metrics.attributes;
        })
    }
}
