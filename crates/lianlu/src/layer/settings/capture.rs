//! What is taken from requests and responses into spans, and what is kept out.

use std::mem;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::net::capture::HeaderCapture;
use crate::net::redact::Redaction;

/// Headers, bodies and messages that spans record; see
/// [`with_capture`](TraceLayer::with_capture). By default none, and the values of seven query keys
/// are redacted.
///
/// ```
/// use lianlu::net::HeaderCapture;
///
/// let headers = HeaderCapture::new().allow("x-request-id").allow("x-tenant-*");
/// let layer = lianlu::server().with_capture(|capture| {
///     capture.request_headers(headers).redacted_query_keys(["sig", "token"])
/// });
/// # let _ = layer;
/// ```
#[derive(Debug)]
#[must_use]
pub struct Capture {
    request_headers: HeaderCapture,
    response_headers: HeaderCapture,
    request_body: usize,
    response_body: usize,
    messages: u32,
    redaction: Redaction,
}

impl Capture {
    /// Writes request headers into spans: `http.request.header.<name>`, or a gRPC call's metadata
    /// as `rpc.request.metadata.<name>`. Each value is a list of strings.
    pub fn request_headers(mut self, headers: HeaderCapture) -> Self {
        self.request_headers = headers;
        self
    }

    /// Writes response headers into spans: `http.response.header.<name>`, or
    /// `rpc.response.metadata.<name>`.
    pub fn response_headers(mut self, headers: HeaderCapture) -> Self {
        self.response_headers = headers;
        self
    }

    /// Writes the first `max` bytes of an HTTP request's body into its span:
    /// `http.request.body.content`. Text by its content type (or UTF-8 without one) is a string,
    /// anything else bytes, which the pipelines of this crate export; providers behind the API get
    /// no bytes. The content coding is removed with the features `gzip` (also deflate) and `zstd`.
    /// Only for bodies that are counted, see
    /// [`Metrics::body_sizes`](crate::layer::Metrics::body_sizes).
    ///
    /// Bodies may contain personal or confidential data. Use this for debugging.
    pub fn request_body(mut self, max: usize) -> Self {
        self.request_body = max;
        self
    }

    /// As [`request_body`](Self::request_body), for the response's body:
    /// `http.response.body.content`.
    pub fn response_body(mut self, max: usize) -> Self {
        self.response_body = max;
        self
    }

    /// Adds an event to the span for each of the first `max` messages of a gRPC call, in each
    /// direction: `rpc.message` with `rpc.message.type`, `rpc.message.id` and
    /// `rpc.message.compressed_size`. The conventions have dropped these events, and the message
    /// counts on the span cost nothing extra.
    pub fn messages(mut self, max: u32) -> Self {
        self.messages = max;
        self
    }

    /// The query keys whose values are replaced by `REDACTED` in `url.query`, `url.full` and
    /// `http.target`, instead of the seven keys of the conventions. Case-sensitive. Error messages
    /// still use the conventions' list.
    pub fn redacted_query_keys<N: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = N>,
    ) -> Self {
        self.redaction = Redaction::of_keys(keys.into_iter().map(Into::into));
        self
    }
}

impl<K: Side> TraceLayer<K> {
    /// Changes which headers, bodies and messages spans record, and which query keys they redact.
    pub fn with_capture(self, change: impl FnOnce(Capture) -> Capture) -> Self {
        self.with(|options| {
            let settings = &mut options.settings;
            let capture = change(Capture {
                request_headers: mem::take(&mut settings.request_headers),
                response_headers: mem::take(&mut settings.response_headers),
                request_body: options.request_content,
                response_body: options.response_content,
                messages: options.message_events,
                redaction: mem::take(&mut settings.redaction),
            });
            settings.request_headers = capture.request_headers;
            settings.response_headers = capture.response_headers;
            settings.redaction = capture.redaction;
            options.request_content = capture.request_body;
            options.response_content = capture.response_body;
            options.message_events = capture.messages;
        })
    }
}
