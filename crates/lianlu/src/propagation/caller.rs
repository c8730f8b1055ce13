//! A caller's span in its parts, so that its state can be handed on without a copy.

use lianlu_wire::w3c::TraceParent;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The span of a remote caller.
#[derive(Debug)]
pub(crate) struct CallerSpan {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) state: TraceState,
}

impl CallerSpan {
    #[inline]
    pub(super) fn new(parent: &TraceParent, state: TraceState) -> Self {
        Self {
            trace_id: TraceId::from_bytes(parent.trace_id),
            span_id: SpanId::from_bytes(parent.parent_id),
            flags: TraceFlags::new(parent.flags),
            state,
        }
    }

    pub(crate) fn into_context(self) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags, true, self.state)
    }
}
