//! What the flight recorder is told of a span that runs, in case that the process does not live to see its end.

use std::cell::Cell;

use lianlu_wire::otlp::{AttributeOf, SpanHead, put_span_fields, put_varint, span_flags};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;

use super::span::{Fate, Recording};
use crate::encode;

/// Longer names are cut, and a longer trace state left out: a note has little room.
const LONGEST_NAME: usize = 120;
const LONGEST_STATE: usize = 256;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer that is used again.
fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let result = work(&mut scratch);
    // Not there while the thread ends.
    let _ = SCRATCH.try_with(|cell| cell.set(scratch));
    result
}

impl Recording {
    /// Whether somebody wants to know of its start.
    #[inline]
    pub(super) fn is_noted(&self) -> bool {
        let pipeline = &self.recorder.tracer.provider.pipeline;
        self.fate == Fate::Export && pipeline.as_ref().is_some_and(|it| it.takes_notes())
    }

    /// Notes the span, with attributes as OTLP bytes.
    #[cold]
    pub(super) fn note(&mut self, context: &SpanContext, name: &str, attributes: &[u8]) {
        let tracer = &self.recorder.tracer;
        let Some(pipeline) = &tracer.provider.pipeline else {
            return;
        };
        let state = encode::header(context.trace_state());
        let head = SpanHead {
            trace_id: context.trace_id().to_bytes(),
            span_id: context.span_id().to_bytes(),
            parent_span_id: self.parent_span_id,
            trace_state: if state.len() > LONGEST_STATE {
                ""
            } else {
                &state
            },
            flags: span_flags(context.trace_flags().to_u8(), self.parent_is_remote),
            name: encode::cut(name, LONGEST_NAME),
            kind: self.kind,
            start_unix_nanos: self.start,
            end_unix_nanos: 0,
        };
        self.slot = pipeline.note(&tracer.scope, |out| {
            put_span_fields(out, &head, |_| {});
            let head = out.len();
            out.extend_from_slice(attributes);
            head
        });
    }

    /// The same, with attributes of the API's.
    #[cold]
    pub(super) fn note_described(&mut self, context: &SpanContext) {
        let longest = self.recorder.tracer.provider.longest_value;
        let mut bytes = Vec::new();
        if let Some(data) = &self.data {
            encode::attributes(&mut bytes, AttributeOf::Span, &data.attributes, longest);
        }
        let name = self.name.clone();
        self.note(context, &name, &bytes);
    }

    /// Adds an attribute to the note, if there is one.
    #[inline]
    pub(super) fn note_attribute(&self, attribute: &KeyValue) {
        if self.slot.is_some() {
            self.note_more(|out| {
                let longest = self.recorder.tracer.provider.longest_value;
                let (key, value) = (&attribute.key, &attribute.value);
                encode::attribute(out, AttributeOf::Span, key, value, longest);
            });
        }
    }

    /// Gives the note another name: of a field that is there twice the last one counts.
    #[inline]
    pub(super) fn note_name(&self, name: &str) {
        if self.slot.is_some() {
            self.note_more(|out| {
                let name = encode::cut(name, LONGEST_NAME);
                out.push(0x2a);
                put_varint(out, name.len() as u64);
                out.extend_from_slice(name.as_bytes());
            });
        }
    }

    #[cold]
    fn note_more(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let pipeline = self.recorder.tracer.provider.pipeline.as_ref();
        if let (Some(slot), Some(pipeline)) = (self.slot, pipeline) {
            with_scratch(|scratch| {
                write(scratch);
                pipeline.note_more(slot, scratch);
            });
        }
    }
}
