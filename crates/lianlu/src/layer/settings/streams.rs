//! How streaming calls are recorded.

use std::sync::Arc;

use super::super::layer::TraceLayer;
use super::super::side::Side;
use crate::call::stream_end::StreamEnd;
use crate::request::RequestHead;

impl<K: Side> TraceLayer<K> {
    /// When the span of a call ends.
    pub fn with_stream_end(self, end: StreamEnd) -> Self {
        self.with_stream_end_by(move |_, _| end)
    }

    /// When the span of a call ends, by request: `choose` gets the request's head, and the route's
    /// template if it is known at the start.
    ///
    /// ```
    /// use lianlu::StreamEnd;
    /// use std::time::Duration;
    ///
    /// let layer = lianlu::server().with_stream_end_by(|_, route| match route {
    ///     Some("/events") => StreamEnd::Sliced(Duration::from_secs(60)),
    ///     _ => StreamEnd::Body,
    /// });
    /// # let _ = layer;
    /// ```
    pub fn with_stream_end_by(
        self,
        choose: impl Fn(&RequestHead<'_>, Option<&str>) -> StreamEnd + Send + Sync + 'static,
    ) -> Self {
        self.with(|options| options.stream_ends = Some(Arc::new(choose)))
    }

    /// Adds an event to the span for each of the first `max` messages of a gRPC call, in each
    /// direction: `rpc.message` with `rpc.message.type`, `rpc.message.id` and
    /// `rpc.message.compressed_size`. None by default: the conventions have dropped these events,
    /// and the message counts on the span cost nothing extra.
    pub fn with_message_events(self, max: u32) -> Self {
        self.with(|options| options.message_events = max)
    }
}
