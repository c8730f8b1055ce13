//! Spans of lianlu's own provider.

use std::borrow::Cow;

use lianlu_sdk::described::{OpenSpan, ParentSpan, SpareRecord, Start, Started};
use lianlu_sdk::{Span, Tracer};
use lianlu_wire::otlp::{AttributeLimits, EncodedAttributes};
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceState};

use super::{Parent, SpanPlan};

/// A span that will be recorded.
#[derive(Debug)]
pub(crate) struct DirectPlan<'t> {
    tracer: &'t Tracer,
    context: SpanContext,
    start: Start,
}

/// `None` if only the API can decide; `parent` is then unchanged.
#[inline]
pub(super) fn plan<'t>(
    tracer: &'t Tracer,
    parent: &mut Parent,
    kind: &SpanKind,
    at: u64,
) -> Option<SpanPlan<'t>> {
    if parent.base.is_telemetry_suppressed() {
        return None;
    }
    let (trace_id, span) = match &parent.remote.span {
        Some(caller) => {
            let span = ParentSpan {
                span_id: caller.span_id,
                flags: caller.flags,
                is_remote: true,
            };
            (caller.trace_id, Some(span))
        }
        None if !parent.base.has_active_span() => (tracer.new_trace_id(), None),
        None => {
            let span = parent.base.span();
            let span = span.span_context();
            if !span.is_valid() {
                return None;
            }
            let parent = ParentSpan {
                span_id: span.span_id(),
                flags: span.trace_flags(),
                is_remote: span.is_remote(),
            };
            (span.trace_id(), Some(parent))
        }
    };
    let decision = tracer.decide(span.map(|span| span.flags), trace_id)?;
    let state = match &mut parent.remote.span {
        Some(caller) => std::mem::take(&mut caller.state),
        None if span.is_some() => parent.base.span().span_context().trace_state().clone(),
        None => TraceState::NONE,
    };
    Some(
        match tracer.start_described(decision, trace_id, span, state, kind, at) {
            Started::Recording(context, start) => SpanPlan::Direct(DirectPlan {
                tracer,
                context,
                start,
            }),
            Started::NotRecorded(context) => SpanPlan::Unrecorded(context),
        },
    )
}

impl DirectPlan<'_> {
    #[inline]
    pub(super) fn attribute_limits(&self) -> AttributeLimits {
        self.tracer.attribute_limits()
    }

    #[inline]
    pub(super) fn open(
        self,
        name: Cow<'static, str>,
        link: Option<Box<Link>>,
        attributes: &mut EncodedAttributes,
        spare: &mut Option<SpareRecord>,
    ) -> (Span, OpenSpan) {
        let link = link.map(|link| *link);
        self.tracer
            .open_described(self.context, self.start, name, attributes, link, spare)
    }
}
