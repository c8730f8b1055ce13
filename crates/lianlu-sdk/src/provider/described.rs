//! Spans that a layer has described as bytes, and how it hands them over.
//!
//! Through the API, a layer would put each attribute into a `KeyValue`, those into a `Vec`, that
//! into a builder, and the provider would take all of it apart again. Here it gets the sampler's
//! decision before it describes anything ([`Tracer::plan`](super::Tracer::plan)), and writes the
//! attributes as OTLP bytes. While the span is open, it is an ordinary span, which users reach
//! through the context.
//!
//! ```text
//! Tracer::plan ─► open_described
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

use super::record::{Disposition, SpanRecord, Start};
use super::span::{SharedRecord, Span};
use super::tracer::Tracer;
use crate::encode;

/// The parts of a parent span that its child inherits.
#[derive(Debug, Clone, Copy)]
pub struct ParentSpan {
    /// The id of the trace.
    pub trace_id: TraceId,
    /// The parent's id.
    pub span_id: SpanId,
    /// The parent's W3C flags.
    pub flags: TraceFlags,
    /// True if the parent is in another service.
    pub is_remote: bool,
}

/// A span that has not started, and the sampler's decision about it.
#[derive(Debug, Clone, Copy)]
pub struct PlannedSpan {
    trace_id: TraceId,
    parent: Option<ParentSpan>,
    sampled: bool,
    /// `None` if the span is not recorded.
    disposition: Option<Disposition>,
}

impl PlannedSpan {
    /// Whether the span is recorded.
    #[inline]
    #[must_use]
    pub fn records(&self) -> bool {
        self.disposition.is_some()
    }

    /// Whether the span has a parent.
    #[inline]
    #[must_use]
    pub fn has_parent(&self) -> bool {
        self.parent.is_some()
    }
}

/// What a span starts with, besides its attributes.
#[derive(Debug)]
pub struct SpanStart {
    /// The span's name.
    pub name: Cow<'static, str>,
    /// The span's kind.
    pub kind: SpanKind,
    /// Nanoseconds since 1970.
    pub at: u64,
}

/// The record of a span that has ended, to be reused by the next one.
#[derive(Debug)]
pub struct SpareRecord(Arc<SharedRecord>);

impl Tracer {
    /// Decides whether a span is sampled, if the trace and the parent's flags are enough to decide.
    /// Without a parent it is the root of a new trace. `None` if only the API can decide: the
    /// sampler needs the span's name and attributes, the provider has span processors, or it is
    /// shut down.
    ///
    /// Do not use it in a context in which telemetry is suppressed, or whose active span has no
    /// ids.
    #[inline]
    #[must_use]
    pub fn plan(&self, parent: Option<ParentSpan>) -> Option<PlannedSpan> {
        if self.shared.provider.is_shut_down() || self.owner.processors.is_some() {
            return None;
        }
        let trace_id = match &parent {
            Some(parent) => parent.trace_id,
            None => self.owner.ids.trace_id(),
        };
        let of_parent = parent.map(|parent| parent.flags.is_sampled());
        let sampled = self.owner.sampler.decide_early(of_parent, trace_id)?;
        let disposition = self.shared.disposition(sampled);
        Some(PlannedSpan {
            trace_id,
            parent,
            sampled,
            disposition,
        })
    }

    /// The limits for a span's attributes.
    #[inline]
    #[must_use]
    pub fn attribute_limits(&self) -> AttributeLimits {
        self.shared.provider.attribute_limits()
    }

    /// The context of a planned span, with a new span id. `state` is the parent's trace state.
    #[inline]
    #[must_use]
    pub fn context(&self, planned: &PlannedSpan, state: TraceState) -> SpanContext {
        let flags = match &planned.parent {
            Some(parent) => parent.flags,
            None => self.owner.ids.root_flags(),
        };
        let flags = flags.with_sampled(planned.sampled);
        let span_id = self.owner.ids.span_id();
        let state = self.state_of_child(state);
        if planned.disposition.is_none() {
            let parent = planned.parent.as_ref().map(|parent| parent.is_remote);
            self.shared.provider.count_unrecorded(parent);
        }
        SpanContext::new(planned.trace_id, span_id, flags, false, state)
    }

    /// Opens a span that is recorded: one half is for the context, the other for the layer.
    ///
    /// `attributes` are those of the start, written within
    /// [`attribute_limits`](Self::attribute_limits); they are replaced by an empty buffer. `spare`
    /// is what [`OpenSpan::end`] has returned.
    #[inline]
    pub fn open_described(
        &self,
        planned: &PlannedSpan,
        state: TraceState,
        start: SpanStart,
        attributes: &mut Box<EncodedAttributes>,
        link: Option<Link>,
        spare: &mut Option<SpareRecord>,
    ) -> (Span, OpenSpan) {
        let context = self.context(planned, state);
        // Not reused while other code still holds the last span's context.
        let spare = spare.take().filter(|it| Arc::strong_count(&it.0) == 1);
        let mut shared = match spare {
            Some(SpareRecord(shared)) => shared,
            None => self.new_record(),
        };
        if let Some(shared) = Arc::get_mut(&mut shared) {
            let record = shared.start();
            let parent = planned.parent.as_ref();
            let parent = parent.map(|parent| (parent.span_id, parent.is_remote));
            let disposition = planned.disposition.unwrap_or(Disposition::Judge);
            let kind = encode::kind(&start.kind);
            let head = Start::new(disposition, parent, kind, start.at);
            record.begin(&self.shared, head, start.name);
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
