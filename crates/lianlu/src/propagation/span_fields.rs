//! The span fields that B3, Jaeger and X-Ray share, and the debug flag.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

/// A context value for the debug flag of B3 and Jaeger, which requests that the trace is recorded
/// regardless of sampling. [`TraceFlags`] has no bit for it. Valid only for the trace with this id.
#[derive(Debug, Clone, Copy)]
struct DebugTrace(TraceId);

/// The fields of a span in the formats that have no `tracestate`.
pub(super) struct SpanFields {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) sampled: bool,
    pub(super) debug: bool,
}

impl SpanFields {
    /// A copy of `cx` with this span as the remote parent, instead of one that an earlier
    /// propagator extracted.
    ///
    /// If the earlier one is the same span in another format, its `tracestate` and other flags are
    /// kept.
    pub(super) fn into_context(self, cx: &Context) -> Context {
        let trace_id = TraceId::from_bytes(self.trace_id);
        let span_id = SpanId::from_bytes(self.span_id);
        let earlier = cx.span();
        let earlier = earlier.span_context();
        let is_same_span =
            earlier.is_remote() && earlier.trace_id() == trace_id && earlier.span_id() == span_id;
        let (flags, state) = if is_same_span {
            (earlier.trace_flags(), earlier.trace_state().clone())
        } else {
            (TraceFlags::default(), TraceState::default())
        };
        let flags = flags.with_sampled(self.sampled || self.debug);
        let span = SpanContext::new(trace_id, span_id, flags, true, state);
        let cx = cx.with_remote_span_context(span);
        if self.debug {
            cx.with_value(DebugTrace(trace_id))
        } else {
            cx
        }
    }

    /// The fields of the span in `cx`; `None` if there is no valid one.
    pub(super) fn from_context(cx: &Context) -> Option<Self> {
        let span = cx.span();
        let span = span.span_context();
        span.is_valid().then(|| Self {
            trace_id: span.trace_id().to_bytes(),
            span_id: span.span_id().to_bytes(),
            sampled: span.is_sampled(),
            // If the sampler dropped the span all the same, its decision takes precedence.
            debug: span.is_sampled()
                && cx
                    .get::<DebugTrace>()
                    .is_some_and(|debug| debug.0 == span.trace_id()),
        })
    }
}
