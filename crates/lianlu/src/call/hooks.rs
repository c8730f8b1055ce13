//! Users' hooks.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, StatusCode, Version};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanRef;

use crate::describe::outcome::Outcome;
use crate::request::RequestHead;

/// The head of a response: what [`on_response`](crate::TraceLayer::on_response) sees.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a> {
    status: StatusCode,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a http::Extensions,
}

impl<'a> ResponseHead<'a> {
    pub(crate) fn new<B>(response: &'a http::Response<B>) -> Self {
        Self {
            status: response.status(),
            version: response.version(),
            headers: response.headers(),
            extensions: response.extensions(),
        }
    }

    /// The HTTP status. gRPC calls have 200 here, whatever their gRPC status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers, or a gRPC call's initial metadata.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions that inner layers and the handler have attached to the response.
    #[must_use]
    pub fn extensions(&self) -> &'a http::Extensions {
        self.extensions
    }
}

type Hook<T> = Option<Arc<T>>;

type SpanName = dyn Fn(&RequestHead<'_>) -> Option<Cow<'static, str>> + Send + Sync;
type Attributes = dyn Fn(&RequestHead<'_>) -> Vec<KeyValue> + Send + Sync;
type OnRequest = dyn Fn(&RequestHead<'_>, &SpanRef<'_>) + Send + Sync;
type OnResponse = dyn Fn(&ResponseHead<'_>, &SpanRef<'_>) + Send + Sync;
type OnEnd = dyn Fn(&Outcome<'_>, &SpanRef<'_>) + Send + Sync;
pub(crate) type MetricAttributes = dyn Fn(&Outcome<'_>) -> Vec<KeyValue> + Send + Sync;
pub(crate) type Classify = dyn Fn(&Outcome<'_>) -> bool + Send + Sync;
pub(crate) type ErrorType = dyn Fn(&Outcome<'_>) -> Option<Cow<'static, str>> + Send + Sync;

/// The closures that a layer was configured with.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) span_name: Hook<SpanName>,
    pub(crate) attributes: Hook<Attributes>,
    pub(crate) on_request: Hook<OnRequest>,
    pub(crate) on_response: Hook<OnResponse>,
    pub(crate) on_end: Hook<OnEnd>,
    pub(crate) metric_attributes: Hook<MetricAttributes>,
    pub(crate) classify: Hook<Classify>,
    pub(crate) error_type: Hook<ErrorType>,
}

impl Hooks {
    /// Whether a hook observes or changes how a call ends.
    pub(crate) fn observe_ends(&self) -> bool {
        self.on_end.is_some()
            || self.metric_attributes.is_some()
            || self.classify.is_some()
            || self.error_type.is_some()
    }
}
