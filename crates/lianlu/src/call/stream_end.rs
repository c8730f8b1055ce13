//! When the span of a call that streams ends.

use std::time::Duration;

/// When a call's span ends, for calls whose response takes long; see
/// [`with_stream_end`](crate::TraceLayer::with_stream_end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StreamEnd {
    /// With the response's head. What the body does is not seen: no status of a gRPC call that comes in
    /// its trailers, no error of the body.
    Headers,
    /// With the body, see [`ResponseBody`](crate::layer::ResponseBody) for each way to end.
    #[default]
    Body,
    /// With the body; but as often as the stream has been open for this long, the span ends and another
    /// goes on, so that an endless stream is seen while it runs.
    ///
    /// All slices have the name, the parent and the attributes of the first (in a trace that begins
    /// with the stream, the first slice is the parent of the others), a link to the one before, and
    /// `lianlu.stream.slice`: 0, 1, 2, …. Messages and bytes are those of the slice; status and
    /// `error.type` are on the last. The metrics know one call, from its start to its end.
    Sliced(Duration),
}
