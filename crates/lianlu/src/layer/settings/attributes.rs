//! What spans tell beside the conventions' attributes, and what they must not tell.

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
    /// Names spans. `None` leaves the name that the conventions give. The name should be one that many
    /// calls have.
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

    /// Attributes that spans start with; samplers see them.
    pub fn with_attributes(
        self,
        attributes: impl Fn(&RequestHead<'_>) -> Vec<KeyValue> + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.attributes = Some(Arc::new(attributes)))
    }

    /// Called when a recorded span has started.
    pub fn on_request(
        self,
        hook: impl Fn(&RequestHead<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.on_request = Some(Arc::new(hook)))
    }

    /// Called when a recorded call's response has come, before its body.
    pub fn on_response(
        self,
        hook: impl Fn(&ResponseHead<'_>, &SpanRef<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.hooks.on_response = Some(Arc::new(hook)))
    }

    /// Called when a recorded call has ended, just before its span does, however it ended.
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

    /// Writes request headers into spans: `http.request.header.<name>`, or a gRPC call's metadata as
    /// `rpc.request.metadata.<name>`, each a list of strings. No header by default.
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
    /// `rpc.response.metadata.<name>`. No header by default.
    pub fn with_captured_response_headers(self, headers: HeaderCapture) -> Self {
        self.with(|options| options.settings.response_headers = headers)
    }

    /// Writes the first `max` bytes of an HTTP request's body into its span, as text:
    /// `http.request.body.content`. Counted bodies only, see
    /// [`with_body_sizes`](Self::with_body_sizes).
    ///
    /// Bodies hold what users have entrusted to the service. This is for debugging.
    pub fn with_request_body_content(self, max: usize) -> Self {
        self.with(|options| options.request_content = max)
    }

    /// As [`with_request_body_content`](Self::with_request_body_content), for the response's body:
    /// `http.response.body.content`.
    pub fn with_response_body_content(self, max: usize) -> Self {
        self.with(|options| options.response_content = max)
    }

    /// The keys whose values are `REDACTED` in `url.query`, `url.full` and `http.target`, in place of
    /// the seven of the conventions. With their case. Texts of errors keep the conventions' list.
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
