//! Encodes OpenTelemetry's types as OTLP bytes.

use std::borrow::Borrow;
use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use lianlu_wire::otlp::{
    AttributeOf, EventHead, LinkHead, SpanHead, StatusCode, put_dropped, put_event, put_link,
    put_scope, put_span, put_status, put_value, span_flags,
};
use opentelemetry::trace::{Event, Link, SpanKind, Status, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

/// A resource, encoded once.
#[derive(Debug, Default)]
pub(crate) struct EncodedResource {
    pub(crate) bytes: Vec<u8>,
    pub(crate) schema_url: String,
}

impl EncodedResource {
    pub(crate) fn new(resource: &Resource) -> Arc<Self> {
        let mut attributes: Vec<_> = resource.iter().collect();
        attributes.sort_by_key(|(key, _)| *key);
        let mut bytes = Vec::new();
        for (key, value) in attributes {
            put_value(
                &mut bytes,
                AttributeOf::Resource,
                key.as_str(),
                value,
                usize::MAX,
            );
        }
        Arc::new(Self {
            bytes,
            schema_url: resource.schema_url().unwrap_or_default().to_owned(),
        })
    }
}

/// An instrumentation scope, encoded once.
#[derive(Debug, Default)]
pub(crate) struct EncodedScope {
    pub(crate) bytes: Vec<u8>,
    pub(crate) schema_url: String,
    /// The scope's number in the flight recorder's files, once it has one.
    pub(crate) number: OnceLock<u16>,
}

impl EncodedScope {
    /// A scope that was encoded elsewhere.
    pub(crate) fn of(bytes: Vec<u8>, schema_url: String) -> Self {
        Self {
            bytes,
            schema_url,
            number: OnceLock::new(),
        }
    }

    /// True if both are the same scope; usually they share the allocation.
    pub(crate) fn is_same(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || self.bytes == other.bytes && self.schema_url == other.schema_url
    }

    pub(crate) fn new(scope: &InstrumentationScope) -> Self {
        let mut bytes = Vec::new();
        let version = scope.version().unwrap_or_default();
        put_scope(&mut bytes, scope.name(), version, |out| {
            let all: Vec<_> = scope.attributes().collect();
            last_attributes(out, AttributeOf::Scope, &all);
        });
        Self::of(bytes, scope.schema_url().unwrap_or_default().to_owned())
    }
}

/// Nanoseconds since 1970; earlier times are 0.
#[inline]
pub(crate) fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(since.subsec_nanos()))
}

#[inline]
pub(crate) fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

pub(crate) fn attributes(
    out: &mut Vec<u8>,
    of: AttributeOf,
    attributes: &[KeyValue],
    longest: usize,
) {
    for KeyValue { key, value, .. } in attributes {
        put_value(out, of, key.as_str(), value, longest);
    }
}

/// Appends the last value of each key: OTLP does not allow duplicate keys.
fn last_attributes<T: Borrow<KeyValue>>(out: &mut Vec<u8>, of: AttributeOf, all: &[T]) {
    for (at, it) in all.iter().enumerate() {
        let KeyValue { key, value, .. } = it.borrow();
        let mut later = all.iter().skip(at + 1);
        if !later.any(|later| later.borrow().key == *key) {
            put_value(out, of, key.as_str(), value, usize::MAX);
        }
    }
}

/// Appends an event. `attributes` appends its attributes.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event, attributes: impl FnOnce(&mut Vec<u8>)) {
    let head = EventHead {
        unix_nanos: unix_nanos(event.timestamp),
        name: &event.name,
        dropped_attributes: event.dropped_attributes_count,
    };
    put_event(out, &head, attributes);
}

/// Appends a link. `attributes` appends its attributes.
pub(crate) fn link(out: &mut Vec<u8>, link: &Link, attributes: impl FnOnce(&mut Vec<u8>)) {
    let context = &link.span_context;
    let state = header(context.trace_state());
    let head = LinkHead {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        trace_state: &state,
        flags: span_flags(context.trace_flags().to_u8(), context.is_remote()),
        dropped_attributes: link.dropped_attributes_count,
    };
    put_link(out, &head, attributes);
}

pub(crate) fn status(out: &mut Vec<u8>, status: &Status) {
    match status {
        Status::Unset => {}
        Status::Ok => put_status(out, StatusCode::Ok, ""),
        Status::Error { description } => put_status(out, StatusCode::Error, description),
    }
}

thread_local! {
    static STATE: Cell<String> = const { Cell::new(String::new()) };
}

/// Calls `work` with the members of a trace state in header format, written into a reused buffer.
#[inline]
pub(crate) fn with_header<T>(state: &TraceState, work: impl FnOnce(&str) -> T) -> T {
    if *state == TraceState::NONE {
        return work("");
    }
    let mut text = STATE.try_with(Cell::take).unwrap_or_default();
    text.clear();
    for (key, value) in state {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    let result = work(&text);
    // Fails while the thread is ending.
    let _ = STATE.try_with(|cell| cell.set(text));
    result
}

/// The members of a trace state in header format.
pub(crate) fn header(state: &TraceState) -> String {
    with_header(state, str::to_owned)
}

/// Appends a span of `opentelemetry_sdk`.
pub(crate) fn span_data(out: &mut Vec<u8>, span: &SpanData) {
    let context = &span.span_context;
    let state = header(context.trace_state());
    let start = unix_nanos(span.start_time);
    let head = SpanHead {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        parent_span_id: span.parent_span_id.to_bytes(),
        trace_state: &state,
        flags: span_flags(context.trace_flags().to_u8(), span.parent_span_is_remote),
        name: &span.name,
        kind: kind(&span.span_kind),
        start_unix_nanos: start,
        end_unix_nanos: unix_nanos(span.end_time).max(start),
    };
    put_span(out, &head, |out| {
        last_attributes(out, AttributeOf::Span, &span.attributes);
        for it in &span.events.events {
            event(out, it, |out| {
                last_attributes(out, AttributeOf::EVENT, &it.attributes)
            });
        }
        for it in &span.links.links {
            link(out, it, |out| {
                last_attributes(out, AttributeOf::Link, &it.attributes)
            });
        }
        put_dropped(
            out,
            span.dropped_attributes_count,
            span.events.dropped_count,
            span.links.dropped_count,
        );
        status(out, &span.status);
    });
}
