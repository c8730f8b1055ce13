//! Metrics besides durations.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::describe::outcome::Outcome;

impl<K: Side> TraceLayer<K> {
    /// Also counts the HTTP requests in progress, to the end of their bodies:
    /// `http.server.active_requests`, `http.client.active_requests`. Opt-in in the current
    /// conventions; nothing is counted with [`Conventions::Old`](crate::conventions::Conventions::Old).
    pub fn with_active_requests(self) -> Self {
        self.with(|options| options.active_requests = true)
    }

    /// Also measures the bodies of HTTP calls, in bytes: `http.server.request.body.size`,
    /// `http.server.response.body.size` and those of clients. Opt-in in the current conventions;
    /// nothing is measured with [`Conventions::Old`](crate::conventions::Conventions::Old).
    ///
    /// Response bodies and the request bodies of tonic and axum are counted as they pass. For other
    /// request bodies, and for response bodies that the span does not wait for
    /// ([`StreamEnd::Headers`](crate::StreamEnd::Headers)), the size is taken from the head or from
    /// the client; it is missing if neither has it.
    pub fn with_body_sizes(self) -> Self {
        self.with(|options| options.body_sizes = true)
    }

    /// Adds labels to a call's duration and size metrics, besides those of the conventions. The
    /// active requests do not get them, because they are counted before the outcome is known. Each
    /// value is a separate series, so values should have low cardinality.
    ///
    /// ```
    /// use lianlu::KeyValue;
    ///
    /// let layer = lianlu::server()
    ///     .with_metric_attributes(|outcome| vec![KeyValue::new("slow", outcome.duration().as_secs() > 1)]);
    /// # let _ = layer;
    /// ```
    pub fn with_metric_attributes(
        self,
        attributes: impl Fn(&Outcome<'_>) -> Vec<KeyValue> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.metric_attributes = Some(Arc::new(attributes)))
    }
}
