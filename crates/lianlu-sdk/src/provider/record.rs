//! The record of a running span, in the bytes that are sent.
//!
//! Attributes, events and links are encoded when they are set. When the span ends, they are written
//! into the thread's lane after the span's head, as `0x12 len Span`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use lianlu_wire::otlp::{
    AttributeLimits, AttributeOf, EncodedAttributes, SpanHead, StaticKey, put_described_span,
    put_dropped, put_span, put_str, span_flags,
};
use lianlu_wire::otlp_key;
use lianlu_wire::w3c::with_threshold;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, Status, TraceState};

use super::note;
use super::processor::Processors;
use super::tracer::{Recorder, TracerInner};
use crate::encode;
use crate::flight_recorder::Slot;
use crate::pipeline::{Counted, Sampled};

/// The reason why a span that was not sampled is exported. Users cannot set it on such a span.
const KEPT: StaticKey = otlp_key!("lianlu.kept");

/// What happens to a span at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    /// Exported: it is sampled.
    Export,
    /// Exported if [`KeepIf`](super::KeepIf) keeps it: it is not sampled.
    Judge,
}

/// What is known of a span when it starts, besides its context and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) disposition: Disposition,
    pub(super) kind: u8,
    pub(super) parent_is_remote: bool,
    pub(super) parent_span_id: [u8; 8],
    /// Nanoseconds since 1970.
    pub(super) at: u64,
}

impl Start {
    #[inline]
    pub(super) fn new(
        disposition: Disposition,
        parent: Option<(SpanId, bool)>,
        kind: u8,
        at: u64,
    ) -> Self {
        Self {
            disposition,
            kind,
            parent_is_remote: parent.is_some_and(|(_, is_remote)| is_remote),
            parent_span_id: parent.map_or([0; 8], |(id, _)| id.to_bytes()),
            at,
        }
    }

    /// What the start counts as.
    #[inline]
    fn counted(&self) -> Counted {
        let result = match self.disposition {
            Disposition::Export => Sampled::RecordAndSample,
            Disposition::Judge => Sampled::RecordOnly,
        };
        let has_parent = self.parent_span_id != [0; 8];
        Counted::start(result, has_parent.then_some(self.parent_is_remote))
    }

    /// The fields of the span that are not lists.
    #[inline]
    pub(super) fn head<'a>(
        &self,
        context: &SpanContext,
        trace_state: &'a str,
        name: &'a str,
        end: u64,
    ) -> SpanHead<'a> {
        SpanHead {
            trace_id: context.trace_id().to_bytes(),
            span_id: context.span_id().to_bytes(),
            parent_span_id: self.parent_span_id,
            trace_state,
            flags: span_flags(context.trace_flags().to_u8(), self.parent_is_remote),
            name,
            kind: self.kind,
            start_unix_nanos: self.at,
            end_unix_nanos: end,
        }
    }
}

/// A list of events or links, encoded one after another.
#[derive(Debug, Default)]
struct List {
    bytes: Vec<u8>,
    count: u32,
    dropped: u32,
}

impl List {
    /// The buffer for another element, if the limit allows one.
    fn room(&mut self, most: u32) -> Option<&mut Vec<u8>> {
        if self.count >= most {
            self.dropped = self.dropped.saturating_add(1);
            return None;
        }
        self.count += 1;
        Some(&mut self.bytes)
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.count == 0 && self.dropped == 0
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        (self.count, self.dropped) = (0, 0);
    }
}

/// A running span.
#[derive(Debug)]
pub(super) struct SpanRecord {
    pub(super) recorder: Arc<Recorder>,
    pub(super) start: Start,
    pub(super) name: Cow<'static, str>,
    /// Boxed, so that a layer swaps it with its own cheaply.
    pub(super) attributes: Box<EncodedAttributes>,
    events: List,
    links: List,
    status: Status,
    /// The slot of the span's note in the flight recorder.
    slot: Option<Slot>,
    /// When user code ended a span that its layer had not ended yet.
    pub(super) ended_early: Option<u64>,
    pub(super) is_ended: bool,
    /// Called when the span ends.
    pub(super) processors: Option<Arc<Processors>>,
}

/// Larger buffers are not kept for the next span.
const KEPT_BYTES: usize = 4096;

impl SpanRecord {
    pub(super) fn new(recorder: Arc<Recorder>) -> Self {
        Self {
            attributes: Box::new(EncodedAttributes::new(
                recorder.tracer.provider.attribute_limits(),
            )),
            recorder,
            start: Start::new(Disposition::Export, None, 0, 0),
            name: Cow::Borrowed(""),
            events: List::default(),
            links: List::default(),
            status: Status::Unset,
            slot: None,
            ended_early: None,
            is_ended: true,
            processors: None,
        }
    }

    /// Starts a span in the record of an ended one.
    #[inline]
    pub(super) fn begin(
        &mut self,
        tracer: &Arc<TracerInner>,
        start: Start,
        name: Cow<'static, str>,
    ) {
        if !Arc::ptr_eq(&self.recorder.tracer, tracer) {
            self.recorder = tracer.recorder();
            self.attributes
                .set_limits(tracer.provider.attribute_limits());
        }
        self.start = start;
        self.name = name;
        self.slot = None;
        self.ended_early = None;
        self.is_ended = false;
        if let Some(pipeline) = &tracer.provider.pipeline {
            pipeline.count(start.counted());
        }
    }

    /// Notes the span in the flight recorder, if there is one.
    #[inline]
    pub(super) fn note(&mut self, context: &SpanContext) {
        let tracer = &self.recorder.tracer;
        if note::is_wanted(tracer, self.start.disposition) {
            let attributes = self.attributes.as_bytes();
            self.slot = note::start(tracer, context, &self.start, &self.name, attributes);
        }
    }

    /// True if the span can still be changed.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        !self.is_ended && self.ended_early.is_none()
    }

    #[inline]
    pub(super) fn set_attribute(&mut self, attribute: &KeyValue) {
        if let Some(slot) = self.slot {
            note::attribute(&self.recorder.tracer, slot, attribute);
        }
        self.attributes.put_key_value(attribute);
    }

    pub(super) fn set_name(&mut self, name: Cow<'static, str>) {
        if let Some(slot) = self.slot {
            note::name(&self.recorder.tracer, slot, &name);
        }
        self.name = name;
    }

    /// `Ok` is final. Otherwise the last error with a description applies, and an error is never
    /// reset.
    #[inline]
    pub(super) fn set_status(&mut self, status: Status) {
        match (&self.status, &status) {
            (Status::Ok, _) | (_, Status::Unset) => {}
            // A layer that knows only a status code does not replace a user's description.
            (Status::Error { .. }, Status::Error { description }) if description.is_empty() => {}
            _ => self.status = status,
        }
    }

    pub(super) fn add_event(&mut self, mut event: Event) {
        let provider = &self.recorder.tracer.provider;
        let (limits, longest) = (&provider.limits, provider.longest_value);
        let Some(out) = self.events.room(limits.max_events_per_span) else {
            return;
        };
        let cut = limit(&mut event.attributes, limits.max_attributes_per_event);
        event.dropped_attributes_count = event.dropped_attributes_count.saturating_add(cut);
        encode::event(out, &event, |out| {
            encode::attributes(out, AttributeOf::EVENT, &event.attributes, longest);
        });
    }

    pub(super) fn add_link(&mut self, mut link: Link) {
        let provider = &self.recorder.tracer.provider;
        let (limits, longest) = (&provider.limits, provider.longest_value);
        let Some(out) = self.links.room(limits.max_links_per_span) else {
            return;
        };
        let cut = limit(&mut link.attributes, limits.max_attributes_per_link);
        link.dropped_attributes_count = link.dropped_attributes_count.saturating_add(cut);
        encode::link(out, &link, |out| {
            encode::attributes(out, AttributeOf::Link, &link.attributes, longest);
        });
    }

    /// Ends the span and writes it into its thread's lane.
    #[inline]
    pub(super) fn finish(&mut self, context: &SpanContext, at: u64) {
        self.is_ended = true;
        let end = at.max(self.start.at);
        if let Some(processors) = self.processors.take() {
            let encoded = self.encoded(context, end);
            let scope = Arc::clone(&self.recorder.tracer.scope);
            processors.on_end(context, &encoded, &scope.bytes);
        }
        let tracer = &self.recorder.tracer;
        let Some(pipeline) = &tracer.provider.pipeline else {
            return self.clear();
        };
        let has_attributes_alone = self.start.disposition == Disposition::Export
            && self.status == Status::Unset
            && self.attributes.dropped() == 0
            && self.events.is_empty()
            && self.links.is_empty()
            && *context.trace_state() == TraceState::NONE;
        if has_attributes_alone {
            let head = self.start.head(context, "", &self.name, end);
            pipeline.record(&tracer.scope, self.slot, |out| {
                put_described_span(out, &head, self.attributes.as_bytes());
            });
        } else {
            self.finish_with_lists(context, end);
        }
        self.clear();
    }

    #[inline(never)]
    fn finish_with_lists(&mut self, context: &SpanContext, end: u64) {
        let tracer = Arc::clone(&self.recorder.tracer);
        let Some(pipeline) = &tracer.provider.pipeline else {
            return;
        };
        let mut kept = None;
        if self.start.disposition == Disposition::Judge {
            let is_error = matches!(self.status, Status::Error { .. });
            let keep = tracer.provider.keep;
            kept = keep.reason(is_error, end - self.start.at);
            pipeline.count(Counted::RECORD_ONLY_ENDED);
            if kept.is_none() {
                return;
            }
            pipeline.count(Counted::KEPT);
            self.attributes.remove(KEPT);
        }
        // A kept span was not sampled by a probability.
        let without = kept.map(|_| with_threshold(context.trace_state().clone(), None));
        let state = without.as_ref().unwrap_or(context.trace_state());
        encode::with_header(state, |state| {
            let head = self.start.head(context, state, &self.name, end);
            pipeline.record(&tracer.scope, self.slot, |out| self.write(out, &head, kept));
        });
    }

    /// Appends the span as `0x12 len Span`.
    fn write(&self, out: &mut Vec<u8>, head: &SpanHead<'_>, kept: Option<&str>) {
        put_span(out, head, |out| {
            out.extend_from_slice(self.attributes.as_bytes());
            if let Some(reason) = kept {
                put_str(out, AttributeOf::Span, KEPT, reason);
            }
            out.extend_from_slice(&self.events.bytes);
            out.extend_from_slice(&self.links.bytes);
            let attributes = self.attributes.dropped();
            put_dropped(out, attributes, self.events.dropped, self.links.dropped);
            encode::status(out, &self.status);
        });
    }

    /// The span for processors, as `0x12 len Span`.
    #[cold]
    pub(super) fn encoded(&self, context: &SpanContext, end: u64) -> Vec<u8> {
        let mut out = Vec::new();
        encode::with_header(context.trace_state(), |state| {
            let end = end.max(self.start.at);
            let head = self.start.head(context, state, &self.name, end);
            self.write(&mut out, &head, None);
        });
        out
    }

    /// Removes the span's data, and keeps the allocations unless they are large.
    #[inline]
    fn clear(&mut self) {
        self.name = Cow::Borrowed("");
        self.attributes.clear();
        if !self.events.is_empty() {
            self.events.clear();
        }
        if !self.links.is_empty() {
            self.links.clear();
        }
        if self.status != Status::Unset {
            self.status = Status::Unset;
        }
    }
}

impl super::inner::Inner {
    #[inline]
    pub(super) fn attribute_limits(&self) -> AttributeLimits {
        AttributeLimits {
            count: self.limits.max_attributes_per_span,
            value_length: self.longest_value,
        }
    }
}

/// Keeps the last value of each key, and at most `most` of them. Returns how many were removed.
fn limit(attributes: &mut Vec<KeyValue>, most: u32) -> u32 {
    let mut at = 0;
    while let Some(attribute) = attributes.get(at) {
        let later = attributes.get(at + 1..).unwrap_or_default();
        if later.iter().any(|later| later.key == attribute.key) {
            attributes.remove(at);
        } else {
            at += 1;
        }
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let dropped = attributes.len().saturating_sub(most);
    attributes.truncate(most);
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

thread_local! {
    // Boxes, because spans hold boxed records.
    #[allow(clippy::vec_box)]
    /// Records of spans that have ended, with their buffers.
    static POOL: RefCell<Vec<Box<SpanRecord>>> = const { RefCell::new(Vec::new()) };
}

const POOLED: usize = 32;

/// A record for a new span.
#[inline]
pub(super) fn take(tracer: &Arc<TracerInner>) -> Box<SpanRecord> {
    let pooled = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop());
    let pooled = pooled.ok().flatten();
    pooled.unwrap_or_else(|| Box::new(SpanRecord::new(tracer.recorder())))
}

/// Returns the record of an ended span to the pool.
#[inline]
pub(super) fn recycle(record: Box<SpanRecord>) {
    let mut record = Some(record);
    // If there is no room, the record is dropped outside of the borrow: it may be the last owner of
    // its provider.
    let _ = POOL.try_with(|pool| {
        if let Ok(mut pool) = pool.try_borrow_mut()
            && pool.len() < POOLED
        {
            pool.extend(record.take());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(attributes: &[KeyValue]) -> Vec<(&str, i64)> {
        let number = |it: &KeyValue| match it.value {
            opentelemetry::Value::I64(number) => number,
            _ => -1,
        };
        attributes
            .iter()
            .map(|it| (it.key.as_str(), number(it)))
            .collect()
    }

    #[test]
    fn limits_a_list_to_the_last_value_of_each_key() {
        let list = [("a", 1), ("b", 2), ("a", 3), ("c", 4)];
        let list = list.map(|(key, value)| KeyValue::new(key, value));
        for (most, expected, dropped) in [
            (9, &[("b", 2), ("a", 3), ("c", 4)][..], 0),
            (2, &[("b", 2), ("a", 3)], 1),
            (0, &[], 3),
        ] {
            let mut list = list.to_vec();
            assert_eq!(limit(&mut list, most), dropped);
            assert_eq!(pairs(&list), expected);
        }
    }
}
