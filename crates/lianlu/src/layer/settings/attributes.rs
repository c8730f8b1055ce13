//! Attributes that spans have in addition to those of the conventions, and values they must not
//! have.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::hooks::ResponseHead;
use crate::describe::outcome::Outcome;
use crate::net::capture::HeaderCapture;
use crate::net::redact::Redaction;
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

    /// Writes request headers into spans: `http.request.header.<name>`, or a gRPC call's metadata
    /// as `rpc.request.metadata.<name>`. Each value is a list of strings. By default no header is
    /// captured.
    ///
    /// ```
    /// use lianlu::net::HeaderCapture;
    ///
    /// let headers = HeaderCapture::new().allow("x-request-id").allow("x-tenant-*");
    /// let layer = lianlu::server().with_captured_request_headers(headers);
    /// # let _ = layer;
    /// ```
    pub fn with_captured_request_headers(self, headers: HeaderCapture) -> Self {
        self.with(|options| options.settings.request_headers = headers)
    }

    /// Writes response headers into spans: `http.response.header.<name>`, or
    /// `rpc.response.metadata.<name>`. By default no header is captured.
    pub fn with_captured_response_headers(self, headers: HeaderCapture) -> Self {
        self.with(|options| options.settings.response_headers = headers)
    }

    /// Writes the first `max` bytes of an HTTP request's body into its span, as text:
    /// `http.request.body.content`. Only for bodies that are counted, see
    /// [`with_body_sizes`](Self::with_body_sizes).
    ///
    /// Bodies may contain personal or confidential data. Use this for debugging.
    pub fn with_request_body_content(self, max: usize) -> Self {
        self.with(|options| options.request_content = max)
    }

    /// As [`with_request_body_content`](Self::with_request_body_content), for the response's body:
    /// `http.response.body.content`.
    pub fn with_response_body_content(self, max: usize) -> Self {
        self.with(|options| options.response_content = max)
    }

    /// The query keys whose values are replaced by `REDACTED` in `url.query`, `url.full` and
    /// `http.target`, instead of the seven keys of the conventions. Case-sensitive. Error messages
    /// still use the conventions' list.
    ///
    /// ```
    /// let layer = lianlu::server().with_redacted_query_keys(["sig", "token"]);
    /// # let _ = layer;
    /// ```
    pub fn with_redacted_query_keys<N: Into<String>>(
        self,
        keys: impl IntoIterator<Item = N>,
    ) -> Self {
        let redaction = Redaction::of_keys(keys.into_iter().map(Into::into));
        self.with(|options| options.settings.redaction = redaction)
    }
}
