//! Spans that a layer has described as bytes, and how it hands them over.
//!
//! Through the API, a layer would put each attribute into a `KeyValue`, those into a `Vec`, that
//! into a builder, and the provider would take all of it apart again. Here it gets the sampler's
//! decision before it describes anything ([`Tracer::decide`](super::Tracer::decide)), and writes
//! the attributes as OTLP bytes. While the span is open, it is an ordinary span, which users reach
//! through the context.
//!
//! ```text
//! Tracer::decide ─► start_described ─► open_described
//!     ├──► Span ─────► context ─► users' attributes ─► record ◄─┐
//!     └──► OpenSpan ─► the layer's call ─── end ────────────────┘
//! ```
//!
//! Made for lianlu's layers, and changes with them.

use std::borrow::Cow;
use std::sync::Arc;

use lianlu_wire::otlp::{AttributeLimits, EncodedAttributes};
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};

use super::record::{Disposition, SpanRecord};
use super::span::{SharedRecord, Span};
use super::tracer::Tracer;
use crate::encode;

pub use super::record::Start;

/// The sampler's decision about a span.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    sampled: bool,
    /// `None` if the span is not recorded.
    disposition: Option<Disposition>,
}

impl Decision {
    /// Whether the span is recorded.
    #[inline]
    #[must_use]
    pub fn records(self) -> bool {
        self.disposition.is_some()
    }
}

/// The parts of a parent span that its child inherits.
#[derive(Debug, Clone, Copy)]
pub struct ParentSpan {
    /// The parent's id.
    pub span_id: SpanId,
    /// The parent's W3C flags.
    pub flags: TraceFlags,
    /// True if the parent is in another service.
    pub is_remote: bool,
}

/// A call's span when it starts.
#[derive(Debug)]
pub enum Started {
    /// Recorded, when it is [opened](Tracer::open_described).
    Recording(SpanContext, Start),
    /// Not recorded: only the context, with a new span id.
    NotRecorded(SpanContext),
}

/// The record of a span that has ended, to be reused by the next one.
#[derive(Debug)]
pub struct SpareRecord(Arc<SharedRecord>);

impl Tracer {
    /// Whether a span is sampled, if the trace and the parent's flags are enough to decide. `None`
    /// if only the API can decide: the sampler needs the span's name and attributes, the provider
    /// has span processors, or it is shut down.
    #[inline]
    #[must_use]
    pub fn decide(&self, parent: Option<TraceFlags>, trace_id: TraceId) -> Option<Decision> {
        if self.shared.provider.is_shut_down() || self.owner.processors.is_some() {
            return None;
        }
        let parent = parent.map(|flags| flags.is_sampled());
        let sampled = self.owner.sampler.decide_early(parent, trace_id)?;
        let disposition = self.shared.disposition(sampled);
        Some(Decision {
            sampled,
            disposition,
        })
    }

    /// The id of a new trace.
    #[inline]
    #[must_use]
    pub fn new_trace_id(&self) -> TraceId {
        self.owner.ids.trace_id()
    }

    /// The limits for a span's attributes.
    #[inline]
    #[must_use]
    pub fn attribute_limits(&self) -> AttributeLimits {
        self.shared.provider.attribute_limits()
    }

    /// Creates the context of a span. Without a parent it is a root. `state` is the parent's trace
    /// state; `start` is in nanoseconds since 1970.
    ///
    /// Do not use it in a context in which telemetry is suppressed, or whose active span has no
    /// ids.
    #[inline]
    #[must_use]
    pub fn start_described(
        &self,
        decision: Decision,
        trace_id: TraceId,
        parent: Option<ParentSpan>,
        state: TraceState,
        kind: &SpanKind,
        start: u64,
    ) -> Started {
        let flags = parent.map_or(self.owner.ids.root_flags(), |parent| parent.flags);
        let flags = flags.with_sampled(decision.sampled);
        let span_id = self.owner.ids.span_id();
        let state = self.state_of_child(state);
        let context = SpanContext::new(trace_id, span_id, flags, false, state);
        let Some(disposition) = decision.disposition else {
            let parent = parent.map(|parent| parent.is_remote);
            self.shared.provider.count_unrecorded(parent);
            return Started::NotRecorded(context);
        };
        let parent = parent.map(|parent| (parent.span_id, parent.is_remote));
        let start = Start::new(disposition, parent, encode::kind(kind), start);
        Started::Recording(context, start)
    }

    /// Opens a span that [`start_described`](Self::start_described) has returned: one half is for
    /// the context, the other for the layer.
    ///
    /// `attributes` are those of the start, written within
    /// [`attribute_limits`](Self::attribute_limits); they are replaced by an empty buffer. `spare`
    /// is what [`OpenSpan::end`] has returned.
    #[inline]
    pub fn open_described(
        &self,
        context: SpanContext,
        start: Start,
        name: Cow<'static, str>,
        attributes: &mut EncodedAttributes,
        link: Option<Link>,
        spare: &mut Option<SpareRecord>,
    ) -> (Span, OpenSpan) {
        // Not reused while other code still holds the last span's context.
        let spare = spare.take().filter(|it| Arc::strong_count(&it.0) == 1);
        let mut shared = match spare {
            Some(SpareRecord(shared)) => shared,
            None => self.new_record(),
        };
        if let Some(shared) = Arc::get_mut(&mut shared) {
            let record = shared.start();
            record.begin(&self.shared, start, name);
            std::mem::swap(&mut record.attributes, attributes);
            if let Some(link) = link {
                record.add_link(link);
            }
            record.note(&context);
        }
        let span = Span::shared(context, Arc::clone(&shared));
        (span, OpenSpan(shared))
    }

    #[cold]
    fn new_record(&self) -> Arc<SharedRecord> {
        let record = SpanRecord::new(self.shared.recorder());
        Arc::new(SharedRecord::new(record))
    }
}

/// The layer's half of a span.
///
/// If it is dropped without an end, the span ends when its context is dropped.
#[derive(Debug)]
#[must_use = "the span has its layer's end only if it is ended"]
pub struct OpenSpan(Arc<SharedRecord>);

impl OpenSpan {
    /// Calls `write` to set attributes, with `None` if user code has ended the span.
    #[inline]
    pub fn write<T>(&self, write: impl FnOnce(Option<&mut EncodedAttributes>) -> T) -> T {
        let mut record = self.0.lock();
        let is_open = record.is_open();
        write(is_open.then_some(&mut record.attributes))
    }

    /// Renames the span, unless user code has ended it.
    pub fn rename(&self, name: Cow<'static, str>) {
        let mut record = self.0.lock();
        if record.is_open() {
            record.set_name(name);
        }
    }

    /// Ends the span, `at` nanoseconds since 1970, with the attributes that `write` writes and a
    /// status.
    ///
    /// If user code has already ended it, that end counts, and attributes and status are discarded.
    /// Returns the record, for the next call of [`open_described`](Tracer::open_described).
    #[inline]
    #[must_use]
    pub fn end(
        self,
        context: &SpanContext,
        at: u64,
        status: Status,
        write: impl FnOnce(&mut EncodedAttributes),
    ) -> SpareRecord {
        self.0.finish(
            context,
            || at,
            |record| {
                write(&mut record.attributes);
                record.set_status(status);
            },
        );
        SpareRecord(self.0)
    }
}
