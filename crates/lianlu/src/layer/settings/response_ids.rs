//! Response headers with the trace's id.

use http::HeaderName;

use super::super::layer::TraceLayer;
use super::super::side::ServerSide;
use crate::call::response_headers::ResponseHeaders;

/// The headers in which a server tells its caller the trace, also on errors and streams; see
/// [`with_response_ids`](TraceLayer::with_response_ids). By default none.
///
/// ```
/// use http::HeaderName;
///
/// let layer = lianlu::server().with_response_ids(|ids| {
///     ids.traceresponse().trace_id(HeaderName::from_static("x-trace-id"))
/// });
/// # let _ = layer;
/// ```
#[derive(Debug)]
#[must_use]
pub struct ResponseIds(ResponseHeaders);

impl ResponseIds {
    /// Writes the span's context into `traceresponse`, in the format of `traceparent`. See [Trace
    /// Context: Response Headers](https://w3c.github.io/trace-context/#traceresponse-header).
    pub fn traceresponse(mut self) -> Self {
        self.0.traceresponse = true;
        self
    }

    /// Adds a metric `trace` with the span's context to `Server-Timing`, in the format of
    /// `traceparent`, beside what the service writes there: `trace;desc=00-…`. The [Trace
    /// Context](https://w3c.github.io/trace-context/) draft has it in place of `traceresponse`;
    /// browsers show it to scripts of the same origin.
    pub fn server_timing(mut self) -> Self {
        self.0.server_timing = true;
        self
    }

    /// Writes the trace's id (32 hex digits) under `name`. Users can copy it into a problem report.
    pub fn trace_id(mut self, name: HeaderName) -> Self {
        self.0.trace_id = Some(name);
        self
    }
}

impl TraceLayer<ServerSide> {
    /// Changes the headers in which responses carry the trace's id.
    pub fn with_response_ids(self, change: impl FnOnce(ResponseIds) -> ResponseIds) -> Self {
        self.with(|options| {
            let ids = ResponseIds(std::mem::take(&mut options.response_headers));
            options.response_headers = change(ids).0;
        })
    }
}
