//! Notes of running spans, which the flight recorder keeps in case the process dies before they
//! end.

use std::cell::Cell;

use lianlu_wire::otlp::{AttributeOf, cut, put_span_fields, put_value, put_varint};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanContext;

use super::record::{Disposition, Start};
use super::tracer::TracerInner;
use crate::encode;
use crate::flight_recorder::Slot;

/// Longer names are cut, and a longer trace state is left out: a note has limited space.
const LONGEST_NAME: usize = 120;
const LONGEST_STATE: usize = 256;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with an empty buffer that is reused.
fn with_scratch<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut scratch = SCRATCH.try_with(Cell::take).unwrap_or_default();
    scratch.clear();
    let result = work(&mut scratch);
    // Fails while the thread is ending.
    let _ = SCRATCH.try_with(|cell| cell.set(scratch));
    result
}

/// True if the start of a span is to be noted.
#[inline]
pub(super) fn is_wanted(tracer: &TracerInner, disposition: Disposition) -> bool {
    let pipeline = tracer.provider.pipeline.as_ref();
    disposition == Disposition::Export && pipeline.is_some_and(|it| it.takes_notes())
}

/// Notes a span, with attributes as OTLP bytes.
#[cold]
pub(super) fn start(
    tracer: &TracerInner,
    context: &SpanContext,
    start: &Start,
    name: &str,
    attributes: &[u8],
) -> Option<Slot> {
    let pipeline = tracer.provider.pipeline.as_ref()?;
    encode::with_header(context.trace_state(), |state| {
        let state = if state.len() > LONGEST_STATE {
            ""
        } else {
            state
        };
        let head = start.head(context, state, cut(name, LONGEST_NAME), 0);
        pipeline.note(&tracer.scope, |out| {
            put_span_fields(out, &head, |_| {});
            let head = out.len();
            out.extend_from_slice(attributes);
            head
        })
    })
}

/// Adds an attribute to a note.
#[cold]
pub(super) fn attribute(tracer: &TracerInner, slot: Slot, attribute: &KeyValue) {
    more(tracer, slot, |out| {
        let longest = tracer.provider.longest_value;
        let (key, value) = (attribute.key.as_str(), &attribute.value);
        put_value(out, AttributeOf::Span, key, value, longest);
    });
}

/// Renames the span of a note: if a field occurs twice, the last one counts.
#[cold]
pub(super) fn name(tracer: &TracerInner, slot: Slot, name: &str) {
    more(tracer, slot, |out| {
        let name = cut(name, LONGEST_NAME);
        out.push(0x2a);
        put_varint(out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
    });
}

fn more(tracer: &TracerInner, slot: Slot, write: impl FnOnce(&mut Vec<u8>)) {
    if let Some(pipeline) = &tracer.provider.pipeline {
        with_scratch(|scratch| {
            write(scratch);
            pipeline.note_more(slot, scratch);
        });
    }
}
