//! What users add to a layer's spans and metrics.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, Version};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use crate::conventions::verdict::Outcome;
use crate::request::RequestHead;

/// The head of a response: what [`on_response`](crate::TraceLayer::on_response) sees.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    parts: &'a http::response::Parts,
}

impl<'a> ResponseHead<'a> {
    pub(super) fn new(parts: &'a http::response::Parts) -> Self {
        Self { parts }
    }

    /// The HTTP status; 200 for most gRPC calls, whatever comes of them.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.parts.version
    }

    /// The headers, or a gRPC call's initial metadata.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        &self.parts.headers
    }

    /// What inner layers and the handler have attached to the response.
    #[must_use]
    pub fn extensions(&self) -> &'a http::Extensions {
        &self.parts.extensions
    }
}

type Hook<T> = Option<Arc<T>>;

type SpanName = dyn Fn(&RequestHead<'_>) -> Option<Cow<'static, str>> + Send + Sync;
type Attributes = dyn Fn(&RequestHead<'_>) -> Vec<KeyValue> + Send + Sync;
type OnRequest = dyn Fn(&RequestHead<'_>, &SpanRef<'_>) + Send + Sync;
type OnResponse = dyn Fn(&ResponseHead<'_>, &SpanRef<'_>) + Send + Sync;
type OnEnd = dyn Fn(&Outcome<'_>, &SpanRef<'_>) + Send + Sync;
type MetricAttributes = dyn Fn(&Outcome<'_>) -> Vec<KeyValue> + Send + Sync;
type Classify = dyn Fn(&Outcome<'_>) -> bool + Send + Sync;
type ErrorType = dyn Fn(&Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync;

#[cfg(feature = "pipeline")]
impl Hooks {
    /// Whether nobody wants to hear how a call has ended, or to have a say in it.
    pub(super) fn are_silent_at_the_end(&self) -> bool {
        self.on_end.is_none()
            && self.metric_attributes.is_none()
            && self.classify.is_none()
            && self.error_type.is_none()
    }
}

/// The closures that a layer was given.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) span_name: Hook<SpanName>,
    pub(super) attributes: Hook<Attributes>,
    pub(super) on_request: Hook<OnRequest>,
    pub(super) on_response: Hook<OnResponse>,
    pub(super) on_end: Hook<OnEnd>,
    pub(super) metric_attributes: Hook<MetricAttributes>,
    pub(super) classify: Hook<Classify>,
    pub(super) error_type: Hook<ErrorType>,
}
