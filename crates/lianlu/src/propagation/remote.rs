//! What the trace formats share: the caller's span in a context, and the marks that a span's own
//! context has no room for.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

/// The trace is to be recorded whatever samplers say: B3's and Jaeger's debug flag, which
/// [`TraceFlags`] has no bit for. Counts for its own trace alone.
#[derive(Debug, Clone, Copy)]
struct DebugTrace(TraceId);

/// The caller, as the formats without a state of their own tell it.
pub(super) struct Caller {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) sampled: bool,
    pub(super) debug: bool,
}

impl Caller {
    /// Makes this caller's span the parent, instead of what an earlier propagator has found.
    ///
    /// Where that is the same span, said in another format, its `tracestate` and further flags stay.
    pub(super) fn extracted(self, cx: &Context) -> Context {
        let trace_id = TraceId::from_bytes(self.trace_id);
        let span_id = SpanId::from_bytes(self.span_id);
        let earlier = cx.span();
        let earlier = earlier.span_context();
        let is_same =
            earlier.is_remote() && earlier.trace_id() == trace_id && earlier.span_id() == span_id;
        let (flags, state) = if is_same {
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

    /// The current span as the caller of the next hop; `None` when there is none.
    pub(super) fn of(cx: &Context) -> Option<Self> {
        let span = cx.span();
        let span = span.span_context();
        span.is_valid().then(|| Self {
            trace_id: span.trace_id().to_bytes(),
            span_id: span.span_id().to_bytes(),
            sampled: span.is_sampled(),
            // A sampler that says no all the same has the last word.
            debug: span.is_sampled()
                && cx
                    .get::<DebugTrace>()
                    .is_some_and(|debug| debug.0 == span.trace_id()),
        })
    }
}
