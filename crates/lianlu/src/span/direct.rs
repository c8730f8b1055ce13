//! Spans of lianlu's own provider.

use lianlu_sdk::Tracer;
use lianlu_sdk::described::{OpenSpan, ParentSpan, PlannedSpan, SpareRecord};
use lianlu_wire::otlp::{AttributeLimits, EncodedAttributes};
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceState};

use super::{Parent, SpanStart};

/// A span whose provider has already decided about it.
#[derive(Debug)]
pub(crate) struct DirectPlan<'t> {
    tracer: &'t Tracer,
    planned: PlannedSpan,
}

impl<'t> DirectPlan<'t> {
    /// `None` if only the API can decide.
    #[inline]
    pub(super) fn of(tracer: &'t Tracer, parent: &Parent) -> Option<Self> {
        let base = &parent.base;
        if base.is_telemetry_suppressed() {
            return None;
        }
        let parent = match &parent.remote.span {
            Some(caller) => Some(ParentSpan {
                trace_id: caller.trace_id,
                span_id: caller.span_id,
                flags: caller.flags,
                is_remote: true,
            }),
            None if !base.has_active_span() => None,
            None => {
                let span = base.span();
                let span = span.span_context();
                if !span.is_valid() {
                    return None;
                }
                Some(ParentSpan {
                    trace_id: span.trace_id(),
                    span_id: span.span_id(),
                    flags: span.trace_flags(),
                    is_remote: span.is_remote(),
                })
            }
        };
        let planned = tracer.plan(parent)?;
        Some(Self { tracer, planned })
    }

    #[inline]
    pub(super) fn records(&self) -> bool {
        self.planned.records()
    }

    #[inline]
    pub(super) fn attribute_limits(&self) -> AttributeLimits {
        self.tracer.attribute_limits()
    }

    /// Starts the span. Without an [`OpenSpan`] it is not recorded.
    #[inline]
    pub(super) fn start(
        self,
        parent: &mut Parent,
        start: SpanStart,
        attributes: &mut Box<EncodedAttributes>,
        spare: &mut Option<SpareRecord>,
    ) -> (Context, Option<OpenSpan>) {
        let (tracer, planned, base) = (self.tracer, &self.planned, &parent.base);
        let state = match &mut parent.remote.span {
            Some(caller) => std::mem::take(&mut caller.state),
            None if planned.has_parent() => base.span().span_context().trace_state().clone(),
            None => TraceState::NONE,
        };
        if !planned.records() {
            let span = tracer.context(planned, state);
            return (base.with_remote_span_context(span), None);
        }
        let link = parent.link.take().map(|link| *link);
        let (span, open) = tracer.open_described(planned, state, start, attributes, link, spare);
        (base.with_span(span), Some(open))
    }
}
