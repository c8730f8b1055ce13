//! When the span of a streaming call ends.

use std::time::Duration;

/// When a call's span ends, for calls with a long response; see
/// [`with_stream_end`](crate::TraceLayer::with_stream_end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StreamEnd {
    /// With the response's head. The body is not observed: neither the status of a gRPC call in its
    /// trailers nor an error of the body is recorded.
    Headers,
    /// With the body; [`ResponseBody`](crate::layer::ResponseBody) lists each way to end.
    #[default]
    Body,
    /// With the body, but a span lasts at most this long: while the stream stays open, the span
    /// ends and the next one starts, so that a long-lived stream is visible while it runs.
    ///
    /// All slices have the name, the parent and the attributes of the first, a link to the previous
    /// slice, and `lianlu.stream.slice`: 0, 1, 2, …. If the trace starts with the stream, the first
    /// slice is the parent of the others. Messages and bytes are those of the slice; status and
    /// `error.type` are on the last. The metrics record one call, from its start to its end.
    Sliced(Duration),
}
