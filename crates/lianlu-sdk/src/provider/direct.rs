//! How a layer hands over a span that it has described in bytes already.
//!
//! Through the API, a layer would put each attribute into a `KeyValue`, those into a `Vec`, that into a builder, and the
//! provider would take all of it apart again. Here it asks what the sampler says before it describes anything
//! ([`Tracer::decide`](super::Tracer::decide)), writes the attributes as OTLP bytes into an [`Ending`] of its own, and hands
//! that over when the call ends ([`Open::end`]). In between the span is an ordinary one: users reach it through the
//! context ([`LayerSpan`]), and what they set goes out with it.
//!
//! ```text
//! Tracer::begin, open ─┬──► LayerSpan ─► context ─► users set this and that ─┐
//!                      └──► Open ─► the layer's call ─── end ◄── Users ◄─────┘
//! ```
//!
//! Made for lianlu's layers; it changes with them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use lianlu_wire::otlp::{AnyValue, AttributeOf, Attributes};
use opentelemetry::trace::{
    SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};

use super::record::Fate;
use super::tracer::Tracer;
use crate::encode;

pub use super::layer_span::{LayerSpan, Open, Users};
pub use super::record::Start;

/// What a call's span is at its start.
#[derive(Debug)]
pub enum Begun {
    /// It is recorded, once it is [opened](Tracer::open). Whether it is sampled its context tells.
    Recording(SpanContext, Start),
    /// It isn't: this is its context, with an id of its own.
    NotRecorded(SpanContext),
}

/// What a layer has to say of a span.
#[derive(Debug, Default)]
pub struct Ending {
    /// The span's name at its start.
    pub name: Cow<'static, str>,
    /// A better one, known at the end. It goes over one that users have set meanwhile.
    pub last_name: Option<Cow<'static, str>>,
    /// The attributes: `0x4a len KeyValue` again and again, written with `lianlu_wire::otlp`.
    pub attributes: Vec<u8>,
    /// More of them, from the call's end, which many calls have alike.
    pub common: &'static [u8],
    /// How many there are.
    pub count: u32,
    /// How many bytes of them stem from the call's start: what users set meanwhile stands over those, and the
    /// others over it.
    pub start_bytes: usize,
    /// Whether an attribute may be in there twice.
    pub repeats: bool,
    /// Whether there are some with keys of users' choice.
    pub has_users: bool,
    /// What the layer thinks of the call; it counts as one more call of `set_status`.
    pub status: Status,
}

/// Longer descriptions are not kept for the next call.
const LONG: usize = 4096;

impl Ending {
    /// Forgets all but the room.
    pub fn clear(&mut self) {
        self.name = Cow::Borrowed("");
        self.last_name = None;
        self.attributes.clear();
        self.attributes.shrink_to(LONG);
        self.common = &[];
        self.count = 0;
        self.start_bytes = 0;
        self.repeats = false;
        self.has_users = false;
        self.status = Status::Unset;
    }
}

/// A span's parent, as far as its child takes over from it.
#[derive(Debug, Clone, Copy)]
pub struct ParentSpan {
    /// The parent itself.
    pub span_id: SpanId,
    /// Whether it was sampled, and what else its flags say.
    pub flags: TraceFlags,
    /// Whether it is another service's.
    pub is_remote: bool,
}

/// What a sampler has said of a span.
#[derive(Debug, Clone, Copy)]
pub struct Decision {
    sampled: bool,
    /// `None` if it is not recorded.
    fate: Option<Fate>,
}

impl Decision {
    /// Whether the span is recorded.
    #[inline]
    #[must_use]
    pub fn records(self) -> bool {
        self.fate.is_some()
    }
}

impl Tracer {
    /// Whether a span is wanted, if that can be told without more than its trace and whether its parent was sampled.
    /// `None` where only the API can tell: the sampler wants to see name and attributes, values are to be cut, or nothing
    /// is recorded any more.
    #[inline]
    #[must_use]
    pub fn decide(&self, parent: Option<TraceFlags>, trace_id: TraceId) -> Option<Decision> {
        let provider = &self.shared.provider;
        if provider.longest_value != usize::MAX || provider.is_shut_down() {
            return None;
        }
        let parent = parent.map(|flags| flags.is_sampled());
        let sampled = self.owner.strategy.decide(parent, trace_id)?;
        let fate = self.shared.fate(sampled);
        Some(Decision { sampled, fate })
    }

    /// The id of a trace that begins.
    #[inline]
    #[must_use]
    pub fn new_trace_id(&self) -> TraceId {
        self.owner.ids.trace_id()
    }

    /// Starts a span of which it is [decided](Self::decide) whether it is wanted. Without a parent it is a root; `state`
    /// is the parent's, and `start` in nanoseconds since 1970.
    ///
    /// Not for a context in which telemetry is suppressed, or whose active span has no ids.
    #[inline]
    #[must_use]
    pub fn begin(
        &self,
        decision: Decision,
        trace_id: TraceId,
        parent: Option<ParentSpan>,
        state: TraceState,
        kind: &SpanKind,
        start: u64,
    ) -> Begun {
        let flags = parent.map_or(TraceFlags::default(), |parent| parent.flags);
        let flags = flags.with_sampled(decision.sampled);
        let span_id = self.owner.ids.span_id();
        let context = SpanContext::new(trace_id, span_id, flags, false, state);
        let Some(fate) = decision.fate else {
            return Begun::NotRecorded(context);
        };
        let parent = parent.map(|parent| (parent.span_id, parent.is_remote));
        let start = Start::new(fate, parent, encode::kind(kind), start);
        Begun::Recording(context, start)
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
