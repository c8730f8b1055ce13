//! What is measured beside durations.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::describe::outcome::Outcome;

impl<K: Side> TraceLayer<K> {
    /// Also counts the HTTP requests under way, to the end of their bodies:
    /// `http.server.active_requests`, `http.client.active_requests`. Opt-in by the current conventions;
    /// nothing is counted with [`Conventions::Old`](crate::conventions::Conventions::Old).
    pub fn with_active_requests(self) -> Self {
        self.with(|options| options.active_requests = true)
    }

    /// Also measures the bodies of HTTP calls, in bytes: `http.server.request.body.size`,
    /// `http.server.response.body.size` and the client's. Opt-in by the current conventions; nothing is
    /// measured with [`Conventions::Old`](crate::conventions::Conventions::Old).
    ///
    /// Response bodies are counted as they go by, and so are the request bodies of tonic and axum;
    /// other request bodies have the size that their head or the client tells, or none. So have response
    /// bodies that the span does not wait for ([`StreamEnd::Headers`](crate::StreamEnd::Headers)).
    pub fn with_body_sizes(self) -> Self {
        self.with(|options| options.body_sizes = true)
    }

    /// Labels that the metrics of a call get beside those of the conventions: its duration and its sizes,
    /// not the active requests, which are counted before the outcome is known. Each value makes a series
    /// of its own: it should be one of few.
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
