//! Which calls are traced.

use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Switches the layer on or off. When off, it only forwards requests: it makes no span, records
    /// no metric, and neither reads nor writes headers, so a trace ends here. Useful for a flag in
    /// a service's configuration.
    ///
    /// ```
    /// let layer = lianlu::server().with_enabled(std::env::var_os("NO_TRACING").is_none());
    /// # let _ = layer;
    /// ```
    pub fn with_enabled(self, is_on: bool) -> Self {
        self.with(|options| options.is_on = is_on)
    }

    /// Traces and measures only requests for which `filter` returns `true`.
    ///
    /// The context is propagated for the others too, so a trace continues across a call without a
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

    /// Consults the sampler only for requests for which `filter` returns `true`. The others are not
    /// sampled. Neither are their child spans, here and in other services, if the samplers there
    /// follow the parent's decision. Metrics are recorded for all requests.
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
