//! Which calls are traced.

use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Switches the layer off, or on again: off, it passes requests on and does nothing else. No span, no metric, no
    /// header read or written, so a trace ends here. For a flag in a service's configuration.
    ///
    /// ```
    /// let layer = lianlu::server().with_enabled(std::env::var_os("NO_TRACING").is_none());
    /// # let _ = layer;
    /// ```
    pub fn with_enabled(self, is_on: bool) -> Self {
        self.with(|options| options.is_on = is_on)
    }

    /// Traces and measures only requests that `filter` says `true` to.
    ///
    /// Headers are read and written for the others too, so a trace goes on past a call that has no
    /// span.
    ///
    /// ```
    /// // No spans for health checks.
    /// let layer = lianlu::server().with_filter(|head| !lianlu::health_checks(head));
    /// # let _ = layer;
    /// ```
    pub fn with_filter(
        self,
        filter: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.filter = Some(Arc::new(filter)))
    }

    /// Lets the sampler decide only about requests that `filter` says `true` to. The others are not
    /// sampled; nor, by samplers that respect their parent's decision, is what they lead to here and in
    /// other services. Their metrics are recorded.
    ///
    /// ```
    /// let layer = lianlu::server().with_sampling_filter(|head| !lianlu::health_checks(head));
    /// # let _ = layer;
    /// ```
    pub fn with_sampling_filter(
        self,
        filter: impl Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.sampling_filter = Some(Arc::new(filter)))
    }
}
