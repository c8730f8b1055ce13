//! The tracer: decides about a span, and starts it.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

use super::data;
use super::direct::Probe;
use super::inner::{Inner, Owner};
use super::record::{Fate, Start};
use super::span::{Recording, Span};
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

/// A tracer's part on one thread. Spans hold this and not the tracer, whose count of holders would go back
/// and forth between the cores.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) tracer: Arc<TracerInner>,
}

thread_local! {
    static MINE: RefCell<Vec<(u64, Arc<Recorder>)>> = const { RefCell::new(Vec::new()) };
}

/// Tracers that a thread remembers. The oldest is forgotten.
const REMEMBERED: usize = 16;

impl TracerInner {
    #[inline]
    pub(super) fn recorder(self: &Arc<Self>) -> Arc<Recorder> {
        let known = MINE.try_with(|mine| {
            let mut mine = mine.try_borrow_mut().ok()?;
            if let Some((_, recorder)) = mine.iter().find(|(id, _)| *id == self.id) {
                return Some(Arc::clone(recorder));
            }
            // What is forgotten is dropped later: its provider may go with it.
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

    /// What happens to a span of which it is known whether it is sampled.
    #[inline]
    pub(super) fn fate(&self, sampled: bool) -> Option<Fate> {
        if sampled {
            Some(Fate::Export)
        } else {
            self.provider.keep.is_on().then_some(Fate::Judge)
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

    /// What the sampler says, asked only where it is not known beforehand.
    fn sample(
        &self,
        builder: &SpanBuilder,
        parent_cx: &Context,
        parent: Option<&SpanContext>,
        trace_id: TraceId,
    ) -> SamplingResult {
        let strategy = &self.owner.strategy;
        // The SDK's samplers take a span without ids for a parent that was not sampled.
        let is_plain = parent.is_some() || !parent_cx.has_active_span();
        if is_plain
            && let Some(sampled) = strategy.decide(parent.map(SpanContext::is_sampled), trace_id)
        {
            return SamplingResult {
                decision: if sampled {
                    SamplingDecision::RecordAndSample
                } else {
                    SamplingDecision::Drop
                },
                attributes: Vec::new(),
                trace_state: parent
                    .map(|parent| parent.trace_state().clone())
                    .unwrap_or_default(),
            };
        }
        let attributes: &[KeyValue] = builder.attributes.as_deref().unwrap_or_default();
        strategy.sampler.should_sample(
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
        if parent_cx.is_telemetry_suppressed() || provider.is_shut_down() {
            if let Some(probe) = parent_cx.get::<Arc<Probe>>() {
                *probe.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clone());
            }
            return Span::not_recording(SpanContext::NONE);
        }
        let parent_span = parent_cx.span();
        let parent = Some(parent_span.span_context()).filter(|parent| parent.is_valid());
        let trace_id = match parent {
            Some(parent) => parent.trace_id(),
            None => self.owner.ids.trace_id(),
        };
        let result = self.sample(&builder, parent_cx, parent, trace_id);
        let sampled = result.decision == SamplingDecision::RecordAndSample;
        let flags = parent.map(SpanContext::trace_flags).unwrap_or_default();
        let context = SpanContext::new(
            trace_id,
            self.owner.ids.span_id(),
            flags.with_sampled(sampled),
            false,
            result.trace_state,
        );
        let fate = match result.decision {
            SamplingDecision::RecordOnly => Some(Fate::Judge),
            _ => self.shared.fate(sampled),
        };
        let Some(fate) = fate else {
            return Span::not_recording(context);
        };
        let start = builder.start_time.unwrap_or_else(opentelemetry::time::now);
        let start = Start::new(
            fate,
            parent.map(|parent| (parent.span_id(), parent.is_remote())),
            encode::kind(builder.span_kind.as_ref().unwrap_or(&SpanKind::Internal)),
            encode::unix_nanos(start),
        );
        let mut recording = Recording::new(self.shared.recorder(), start, builder.name);
        let lists = (builder.attributes, builder.events, builder.links);
        let has_lists = !matches!(lists, (None, None, None)) || !result.attributes.is_empty();
        if has_lists {
            recording.data = Some(self.data(lists, result.attributes));
        }
        recording.note(&context);
        Span::recording(context, recording)
    }
}

type Lists = (
    Option<Vec<KeyValue>>,
    Option<Vec<opentelemetry::trace::Event>>,
    Option<Vec<opentelemetry::trace::Link>>,
);

impl Tracer {
    /// What a span has from its start on, within the limits.
    fn data(&self, (attributes, events, links): Lists, more: Vec<KeyValue>) -> Box<data::Data> {
        let limits = &self.shared.provider.limits;
        let mut data = data::fresh();
        data.begin_with(attributes.unwrap_or_default(), limits);
        for attribute in more {
            data.push(attribute, limits);
        }
        for event in events.unwrap_or_default() {
            data.add_event(event, limits);
        }
        for link in links.unwrap_or_default() {
            data.add_link(link, limits);
        }
        data
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("sampler", &self.owner.strategy)
            .finish_non_exhaustive()
    }
}
