//! How a layer hands over a span that it has described in bytes already.
//!
//! Through the API, a layer would put each attribute into a `KeyValue`, those into a `Vec`, that into a builder, and the
//! provider would take all of it apart again. Here it asks what the sampler says before it describes anything
//! ([`Tracer::begin`](super::Tracer::begin)), writes the attributes as OTLP bytes into an [`Ending`] of its own, and hands
//! that over when the call ends ([`end`]). In between the span is an ordinary one: users reach it through the context,
//! and what they set goes out with it.
//!
//! Made for lianlu's layers; it changes with them.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use lianlu_wire::otlp::{AnyValue, AttributeOf, Attributes};
use opentelemetry::trace::{
    Link, SpanBuilder, SpanContext, SpanId, SpanKind, SpanRef, Status, TraceFlags, TraceId,
    TraceState,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};

use super::data;
use super::span::{Recording, Span};
use super::tracer::Tracer;
use crate::encode;

/// What a call's span is at its start.
#[derive(Debug)]
pub enum Begun {
    /// It is recorded. Whether it is sampled its context tells.
    Recording(Span),
    /// It isn't: this is its context, with an id of its own.
    NotRecorded(SpanContext),
}

/// What a layer has to say of a span.
#[derive(Debug, Default)]
pub struct Ending {
    span_id: Option<SpanId>,
    /// The span's name at its start.
    pub name: Cow<'static, str>,
    /// A better one, known at the end. It goes over one that users have set meanwhile.
    pub last_name: Option<Cow<'static, str>>,
    /// The attributes: `0x4a len KeyValue` again and again, written with `lianlu_wire::otlp`.
    pub attributes: Vec<u8>,
    /// How many there are.
    pub count: u32,
    /// How many bytes of them stem from the call's start: what users set meanwhile stands over those, and the
    /// others over it.
    pub start_bytes: usize,
    /// Whether an attribute may be in there twice.
    pub repeats: bool,
    /// Whether there are some with keys of users' choice.
    pub has_users: bool,
    pub(super) status: Status,
    /// When the span has ended, in nanoseconds since 1970.
    pub(super) at: u64,
}

/// Longer descriptions are not kept for the next call.
const LONG: usize = 4096;

impl Ending {
    /// Forgets all but the room.
    pub fn clear(&mut self) {
        self.span_id = None;
        self.name = Cow::Borrowed("");
        self.last_name = None;
        self.attributes.clear();
        self.attributes.shrink_to(LONG);
        self.count = 0;
        self.start_bytes = 0;
        self.repeats = false;
        self.has_users = false;
        self.status = Status::Unset;
        self.at = 0;
    }
}

/// A span's parent, as far as its child takes over from it.
#[derive(Debug, Clone, Copy)]
pub struct ParentSpan {
    /// The trace.
    pub trace_id: TraceId,
    /// The parent itself.
    pub span_id: SpanId,
    /// Whether it was sampled, and what else its flags say.
    pub flags: TraceFlags,
    /// Whether it is another service's.
    pub is_remote: bool,
}

impl Tracer {
    /// Starts a span that [`end`] will end, if it can be told without more whether it is wanted. Without a parent it is
    /// a root; `state` is the parent's, and `start` in nanoseconds since 1970.
    ///
    /// Not for a context in which telemetry is suppressed, or whose active span has no ids.
    ///
    /// # Errors
    ///
    /// Gives the state back where only the API can tell: the sampler wants to see name and attributes, values are to be
    /// cut, or nothing is recorded any more.
    #[inline]
    pub fn begin(
        &self,
        parent: Option<ParentSpan>,
        state: TraceState,
        kind: &SpanKind,
        start: u64,
        link: Option<&Link>,
    ) -> Result<Begun, TraceState> {
        let provider = &self.shared.provider;
        if provider.longest_value != usize::MAX || provider.is_shut_down() {
            return Err(state);
        }
        let (trace_id, flags) = match &parent {
            Some(parent) => (parent.trace_id, parent.flags),
            None => (provider.ids.trace_id(), TraceFlags::default()),
        };
        let was_sampled = parent.map(|parent| parent.flags.is_sampled());
        let Some(sampled) = provider.strategy.decide(was_sampled, trace_id) else {
            return Err(state);
        };
        let flags = flags.with_sampled(sampled);
        let context = SpanContext::new(trace_id, provider.ids.span_id(), flags, false, state);
        let Some(fate) = self.shared.fate(sampled) else {
            return Ok(Begun::NotRecorded(context));
        };
        let recorder = self.shared.recorder();
        let kind = encode::kind(kind);
        let parent = parent.map(|parent| (parent.span_id, parent.is_remote));
        let name = Cow::Borrowed("");
        let mut recording = Recording::new(recorder, fate, parent, kind, start, name).direct();
        if let Some(link) = link {
            let mut data = data::fresh();
            data.add_link(link.clone(), &provider.limits);
            recording.data = Some(data);
        }
        Ok(Begun::Recording(Span::recording(context, recording)))
    }
}

/// Asks a tracer's provider who it is, through however many boxes.
#[derive(Debug, Default)]
pub(super) struct Probe(pub(super) Mutex<Option<Tracer>>);

/// The tracer of ours that stands behind another, if one does.
///
/// It is asked to build a span in a context in which telemetry is suppressed: the SDK then makes nothing.
pub fn tracer_behind(tracer: &impl opentelemetry::trace::Tracer) -> Option<Tracer> {
    let probe = Arc::new(Probe::default());
    let context = Context::new()
        .with_value(Arc::clone(&probe))
        .with_telemetry_suppressed();
    drop(tracer.build_with_context(SpanBuilder::from_name(""), &context));
    let mut found = probe.0.lock().unwrap_or_else(PoisonError::into_inner);
    found.take()
}

thread_local! {
    /// On its way from a layer to its span, a few calls below on the same thread.
    static HANDED: Cell<Option<Box<Ending>>> = const { Cell::new(None) };
}

/// Has the flight recorder, if there is one, note a span that [`Tracer::begin`](super::Tracer::begin) has started, with
/// what is known of it.
#[inline]
pub fn note(span: &mut Span, ending: &Ending) {
    span.note(&ending.name, &ending.attributes);
}

/// Ends a span that [`Tracer::begin`](super::Tracer::begin) has started. Gives the box back, with what was in it.
///
/// `status` is what the layer thinks of the call; it counts as one more call of `set_status`. `at` is in nanoseconds
/// since 1970.
pub fn end(span: &SpanRef<'_>, mut ending: Box<Ending>, status: Status, at: u64) -> Box<Ending> {
    ending.status = status;
    ending.at = at;
    let at = UNIX_EPOCH + Duration::from_nanos(at);
    ending.span_id = Some(span.span_context().span_id());
    let mut ending = Some(ending);
    // Not there while the thread ends.
    let was = HANDED.try_with(|handed| handed.replace(ending.take()));
    match ending {
        None => {
            span.end_with_timestamp(at);
            let back = HANDED.try_with(|handed| handed.replace(was.ok().flatten()));
            back.ok().flatten().unwrap_or_default()
        }
        Some(ending) => {
            say(span, &ending);
            span.end_with_timestamp(at);
            ending
        }
    }
}

/// What was handed over for this span.
#[inline]
pub(super) fn handed(context: &SpanContext) -> Option<Box<Ending>> {
    HANDED
        .try_with(|handed| {
            let ending = handed.take()?;
            if ending.span_id == Some(context.span_id()) {
                return Some(ending);
            }
            handed.set(Some(ending));
            None
        })
        .ok()
        .flatten()
}

#[inline]
pub(super) fn give_back(ending: Box<Ending>) {
    let _ = HANDED.try_with(|handed| handed.set(Some(ending)));
}

/// Says the same through the API. The span then ends when it is dropped.
#[cold]
fn say(span: &SpanRef<'_>, ending: &Ending) {
    let name = ending.last_name.as_ref().unwrap_or(&ending.name);
    span.update_name(name.clone());
    span.set_attributes(key_values(&ending.attributes));
    span.set_status(ending.status.clone());
}

/// Appends an attribute to those of an [`Ending`].
pub fn put_attribute(out: &mut Vec<u8>, attribute: &KeyValue) {
    let (key, value) = (&attribute.key, &attribute.value);
    encode::attribute(out, AttributeOf::Span, key, value, usize::MAX);
}

/// Attributes of a layer as the API has them.
#[must_use]
pub fn key_values(attributes: &[u8]) -> Vec<KeyValue> {
    Attributes::new(attributes)
        .map_while(Result::ok)
        .filter_map(|raw| {
            let value = value(&raw.attribute.value)?;
            Some(KeyValue::new(raw.attribute.key.to_owned(), value))
        })
        .collect()
}

fn value(value: &AnyValue<'_>) -> Option<Value> {
    Some(match value {
        AnyValue::String(text) => Value::String((*text).to_owned().into()),
        AnyValue::Bool(value) => Value::Bool(*value),
        AnyValue::Int(value) => Value::I64(*value),
        AnyValue::Double(value) => Value::F64(*value),
        // Layers write lists of texts, for headers.
        AnyValue::Array(list) => {
            let text = |value: AnyValue<'_>| match value {
                AnyValue::String(text) => Some(StringValue::from(text.to_owned())),
                _ => None,
            };
            let texts = list.values().map_while(Result::ok).filter_map(text);
            Value::Array(Array::String(texts.collect()))
        }
        _ => return None,
    })
}
