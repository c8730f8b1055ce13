//! Hooks: names and attributes that spans have in addition to those of the conventions.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::hooks::ResponseHead;
use crate::describe::outcome::Outcome;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// Names spans. `None` keeps the name from the conventions. The name should have low
    /// cardinality: many calls should share it.
    ///
    /// ```
    /// let layer = lianlu::server()
    ///     .with_span_name(|head| head.path().starts_with("/static/").then(|| "static file".into()));
    /// # let _ = layer;
    /// ```
    pub fn with_span_name(
        self,
        name: impl Fn(&RequestHead<'_>) -> Option<Cow<'static, str>> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.span_name = Some(Arc::new(name)))
    }

    /// Adds attributes when a span starts; samplers see them.
    pub fn with_attributes(
        self,
        attributes: impl Fn(&RequestHead<'_>) -> Vec<KeyValue> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.attributes = Some(Arc::new(attributes)))
    }

    /// Calls `hook` when a recorded span has started.
    pub fn on_request(
        self,
        hook: impl Fn(&RequestHead<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.on_request = Some(Arc::new(hook)))
    }

    /// Calls `hook` when the response of a recorded call arrives, before its body.
    pub fn on_response(
        self,
        hook: impl Fn(&ResponseHead<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.on_response = Some(Arc::new(hook)))
    }

    /// Calls `hook` when a recorded call has ended, in whatever way, just before its span ends.
    ///
    /// ```
    /// use lianlu::KeyValue;
    ///
    /// let layer = lianlu::server().on_end(|outcome, span| {
    ///     span.set_attribute(KeyValue::new("slow", outcome.duration().as_secs() >= 1));
    /// });
    /// # let _ = layer;
    /// ```
    pub fn on_end(self, hook: impl Fn(&Outcome<'_>, &SpanRef<'_>) + Send + Sync + 'static) -> Self {
        self.with(|options| options.hooks.on_end = Some(Arc::new(hook)))
    }
}
