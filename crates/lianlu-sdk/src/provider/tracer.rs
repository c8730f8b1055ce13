//! The tracer: decides whether a span is recorded, and starts it.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::w3c::with_threshold;
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceId, TraceState,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::inner::{Inner, Owner};
use super::record::{self, Disposition, Start};
use super::span::Span;
use crate::encode::{self, EncodedScope};

/// Starts spans of one instrumentation scope. Cheap to clone.
#[derive(Clone)]
pub struct Tracer {
    pub(super) shared: Arc<TracerInner>,
    /// Keeps the pipeline running.
    pub(super) owner: Arc<Owner>,
}

#[derive(Debug)]
pub(super) struct TracerInner {
    id: u64,
    pub(super) provider: Arc<Inner>,
    pub(super) scope: Arc<EncodedScope>,
}

/// A tracer's state on one thread. Spans hold this instead of the tracer, whose reference count
/// would otherwise move between the cores.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) tracer: Arc<TracerInner>,
}

thread_local! {
    static MINE: RefCell<Vec<(u64, Arc<Recorder>)>> = const { RefCell::new(Vec::new()) };
}

/// How many tracers a thread caches. The oldest one is replaced.
const REMEMBERED: usize = 16;

impl TracerInner {
    #[cold]
    pub(super) fn recorder(self: &Arc<Self>) -> Arc<Recorder> {
        let known = MINE.try_with(|mine| {
            let mut mine = mine.try_borrow_mut().ok()?;
            if let Some((_, recorder)) = mine.iter().find(|(id, _)| *id == self.id) {
                return Some(Arc::clone(recorder));
            }
            // The replaced entry is dropped later: its provider may be dropped with it.
            let forgotten = (mine.len() >= REMEMBERED).then(|| mine.remove(0));
            let recorder = self.new_recorder();
            mine.push((self.id, Arc::clone(&recorder)));
            drop(mine);
            drop(forgotten);
            Some(recorder)
        });
        known.ok().flatten().unwrap_or_else(|| self.new_recorder())
    }

    #[cold]
    fn new_recorder(self: &Arc<Self>) -> Arc<Recorder> {
        Arc::new(Recorder {
            tracer: Arc::clone(self),
        })
    }

    /// What happens to a span at its end. `None` if it is not recorded.
    #[inline]
    pub(super) fn disposition(&self, sampled: bool) -> Option<Disposition> {
        if sampled {
            Some(Disposition::Export)
        } else {
            self.provider.keep.is_on().then_some(Disposition::Judge)
        }
    }
}

impl Tracer {
    pub(super) fn new(owner: &Arc<Owner>, scope: &InstrumentationScope) -> Self {
        static TRACERS: AtomicU64 = AtomicU64::new(0);
        Self {
            shared: Arc::new(TracerInner {
                id: TRACERS.fetch_add(1, Ordering::Relaxed),
                scope: owner.scopes.encoded(scope),
                provider: Arc::clone(&owner.inner),
            }),
            owner: Arc::clone(owner),
        }
    }

    /// The trace state of a span about which the sampler has decided early.
    #[inline]
    pub(super) fn state_of_child(&self, parent: TraceState) -> TraceState {
        if parent == TraceState::NONE || self.owner.sampler.follows_parent() {
            return parent;
        }
        with_threshold(parent, None)
    }

    /// The sampler's decision, made early where that is possible.
    fn sample(
        &self,
        builder: &SpanBuilder,
        parent_cx: &Context,
        parent: Option<&SpanContext>,
        trace_id: TraceId,
    ) -> SamplingResult {
        let sampler = &self.owner.sampler;
        // The SDK's samplers treat a span without ids as a parent that was not sampled.
        let is_plain = parent.is_some() || !parent_cx.has_active_span();
        if is_plain
            && let Some(sampled) =
                sampler.decide_early(parent.map(SpanContext::is_sampled), trace_id)
        {
            return SamplingResult {
                decision: if sampled {
                    SamplingDecision::RecordAndSample
                } else {
                    SamplingDecision::Drop
                },
                attributes: Vec::new(),
                trace_state: match parent {
                    Some(parent) => self.state_of_child(parent.trace_state().clone()),
                    None => TraceState::NONE,
                },
            };
        }
        let attributes: &[KeyValue] = builder.attributes.as_deref().unwrap_or_default();
        sampler.should_sample(
            Some(parent_cx),
            trace_id,
            &builder.name,
            builder.span_kind.as_ref().unwrap_or(&SpanKind::Internal),
            attributes,
            builder.links.as_deref().unwrap_or_default(),
        )
    }
}

impl opentelemetry::trace::Tracer for Tracer {
    type Span = Span;

    fn build_with_context(&self, builder: SpanBuilder, parent_cx: &Context) -> Span {
        let provider = &self.shared.provider;
        if parent_cx.is_telemetry_suppressed() {
            return Span::not_recording(SpanContext::NONE);
        }
        let parent_span = parent_cx.span();
        let parent = Some(parent_span.span_context()).filter(|parent| parent.is_valid());
        if provider.is_shut_down() {
            // As the API without an SDK: the parent's context is propagated.
            return Span::not_recording(parent.cloned().unwrap_or(SpanContext::NONE));
        }
        let trace_id = match parent {
            Some(parent) => parent.trace_id(),
            None => self.owner.ids.trace_id(),
        };
        let result = self.sample(&builder, parent_cx, parent, trace_id);
        let sampled = result.decision == SamplingDecision::RecordAndSample;
        let flags = parent.map_or(self.owner.ids.root_flags(), SpanContext::trace_flags);
        let context = SpanContext::new(
            trace_id,
            self.owner.ids.span_id(),
            flags.with_sampled(sampled),
            false,
            result.trace_state,
        );
        let disposition = match result.decision {
            SamplingDecision::RecordOnly => Some(Disposition::Judge),
            _ => self.shared.disposition(sampled),
        };
        let Some(disposition) = disposition else {
            provider.count_unrecorded(parent.map(SpanContext::is_remote));
            return Span::not_recording(context);
        };
        let start = builder.start_time.unwrap_or_else(opentelemetry::time::now);
        let start = Start::new(
            disposition,
            parent.map(|parent| (parent.span_id(), parent.is_remote())),
            encode::kind(builder.span_kind.as_ref().unwrap_or(&SpanKind::Internal)),
            encode::unix_nanos(start),
        );
        let mut record = record::take(&self.shared);
        record.begin(&self.shared, start, builder.name);
        let attributes = builder.attributes.iter().flatten();
        for attribute in attributes.chain(&result.attributes) {
            record.attributes.put_key_value(attribute);
        }
        for event in builder.events.into_iter().flatten() {
            record.add_event(event);
        }
        for link in builder.links.into_iter().flatten() {
            record.add_link(link);
        }
        if let Some(processors) = &self.owner.processors {
            processors.on_start(&mut record, &context, parent_cx);
            record.processors = Some(Arc::clone(processors));
        }
        record.note(&context);
        Span::own(context, record)
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("sampler", &self.owner.sampler)
            .finish_non_exhaustive()
    }
}
