//! A span's end: all that is known of it becomes bytes, once.

use lianlu_wire::otlp::{
    AttributeOf, Attributes, SpanHead, StaticKey, put_described_span, put_dropped, put_span,
    put_str, span_flags,
};
use lianlu_wire::otlp_key;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceState};

use super::data::{self, Data};
use super::direct::Ending;
use super::tracer::TracerInner;
use crate::encode;
use crate::flight_recorder::Slot;

/// Why a span is kept. Where one is, this is said by nobody else.
const KEPT: StaticKey = otlp_key!("lianlu.kept");

/// What becomes of a span at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sampled.
    Export,
    /// It isn't; see [`KeepIf`](super::KeepIf).
    Judge,
}

/// What is known of a span from its start on, besides its context and its name.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    pub(super) fate: Fate,
    pub(super) kind: u8,
    pub(super) parent_is_remote: bool,
    pub(super) parent_span_id: [u8; 8],
    /// Nanoseconds since 1970.
    pub(super) at: u64,
}

impl Start {
    #[inline]
    pub(super) fn new(fate: Fate, parent: Option<(SpanId, bool)>, kind: u8, at: u64) -> Self {
        Self {
            fate,
            kind,
            parent_is_remote: parent.is_some_and(|(_, is_remote)| is_remote),
            parent_span_id: parent.map_or([0; 8], |(id, _)| id.to_bytes()),
            at,
        }
    }

    /// The span's fields that are not lists.
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

/// A span that has ended, but for what was said of it meanwhile.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) context: &'a SpanContext,
    pub(super) start: &'a Start,
    /// Its first name.
    pub(super) name: &'a str,
    pub(super) slot: Option<Slot>,
    /// Nanoseconds since 1970.
    pub(super) at: u64,
    /// Whether users have ended it before its layer did: what that says of the end nobody asked for.
    pub(super) is_early: bool,
}

/// Takes a span that has ended, and writes it into its thread's lane.
#[inline]
pub(super) fn record(
    tracer: &TracerInner,
    ended: &Ended<'_>,
    mut data: Option<Box<Data>>,
    ending: Option<&Ending>,
) {
    let provider = &tracer.provider;
    let Some(pipeline) = &provider.pipeline else {
        return;
    };
    let most = provider.limits.max_attributes_per_span;
    if data.is_none()
        && let Some(ending) = ending
        && ending.is_all(most)
        && !ended.is_early
        && ended.start.fate == Fate::Export
        && *ended.context.trace_state() == TraceState::NONE
    {
        let name = ending.last_name.as_ref().unwrap_or(&ending.name);
        let end = ended.at.max(ended.start.at);
        let head = ended.start.head(ended.context, "", name, end);
        pipeline.record(&tracer.scope, ended.slot, |out| {
            put_described_span(out, &head, [&ending.attributes, ending.common]);
        });
        return;
    }
    settle(&mut data, ending.filter(|_| !ended.is_early));
    if let Some(data) = data.as_mut().filter(|data| !data.attributes.is_empty()) {
        data.set_once();
        if ended.start.fate == Fate::Judge {
            data.attributes
                .retain(|it| it.key.as_str() != KEPT.as_str());
        }
    }
    record_with(tracer, ended, data.as_deref(), ending);
    if let Some(data) = data {
        data::recycle(data);
    }
}

/// The same for a span of which there is more to say.
#[inline(never)]
fn record_with(
    tracer: &TracerInner,
    ended: &Ended<'_>,
    data: Option<&Data>,
    ending: Option<&Ending>,
) {
    let provider = &tracer.provider;
    let Some(pipeline) = &provider.pipeline else {
        return;
    };
    let start = ended.start;
    let end = ended.at.max(start.at);
    let status = match (data, ending) {
        (Some(data), _) => &data.status,
        (None, Some(ending)) if !ended.is_early => &ending.status,
        (None, _) => &Status::Unset,
    };
    let kept = match start.fate {
        Fate::Export => None,
        Fate::Judge => {
            let is_error = matches!(status, Status::Error { .. });
            let Some(kept) = provider.keep.reason(is_error, end - start.at) else {
                return;
            };
            pipeline.count_started();
            Some(kept)
        }
    };
    let name = name(ended.name, data, ending, ended.is_early);
    let most = provider.limits.max_attributes_per_span;
    let longest = provider.longest_value;
    encode::with_header(ended.context.trace_state(), |state| {
        let head = start.head(ended.context, state, name, end);
        pipeline.record(&tracer.scope, ended.slot, |out| {
            put_span(out, &head, |out| {
                let is = (ended.is_early, kept.is_some());
                let dropped = attributes(out, data, ending, is, (most, longest));
                if let Some(reason) = kept {
                    put_str(out, AttributeOf::Span, KEPT, reason);
                }
                lists(out, data, dropped, longest);
                encode::status(out, status);
            });
        });
    });
}

impl Ending {
    /// Whether nothing needs to be looked at once more: no attribute is there twice or too many, and there is no status.
    #[inline]
    fn is_all(&self, most: u32) -> bool {
        !self.repeats && self.count <= most && self.status == Status::Unset
    }
}

/// Adds what the layer says to what users have said, by the order of statuses.
fn settle(data: &mut Option<Box<Data>>, ending: Option<&Ending>) {
    if let (Some(data), Some(ending)) = (data, ending)
        && ending.status != Status::Unset
    {
        data.set_status(ending.status.clone());
    }
}

fn name<'a>(
    first: &'a str,
    data: Option<&'a Data>,
    ending: Option<&'a Ending>,
    is_early: bool,
) -> &'a str {
    let users = data.and_then(|data| data.name.as_deref());
    let last = ending.and_then(|ending| ending.last_name.as_deref());
    match (last, users, ending) {
        (Some(name), _, _) if !is_early => name,
        (_, Some(name), _) => name,
        (_, None, Some(ending)) => &ending.name,
        (_, None, None) => first,
    }
}

/// Writes each attribute once, and gives how many there was no room for.
#[inline]
fn attributes(
    out: &mut Vec<u8>,
    data: Option<&Data>,
    ending: Option<&Ending>,
    (is_early, is_kept): (bool, bool),
    (most, longest): (u32, usize),
) -> u32 {
    let users = data
        .map(|data| data.attributes.as_slice())
        .unwrap_or_default();
    let Some(ending) = ending else {
        encode::attributes(out, AttributeOf::Span, users, longest);
        return 0;
    };
    let may_say_kept = is_kept && ending.has_users;
    let is_plain = users.is_empty() && !ending.repeats && !is_early && !may_say_kept;
    if is_plain && ending.count <= most {
        out.extend_from_slice(&ending.attributes);
        out.extend_from_slice(ending.common);
        return 0;
    }
    merged(out, users, ending, (is_early, is_kept), most)
}

/// The same where something may stand over something else.
#[cold]
fn merged(
    out: &mut Vec<u8>,
    users: &[KeyValue],
    ending: &Ending,
    (is_early, is_kept): (bool, bool),
    most: u32,
) -> u32 {
    let (start, end) = ending
        .attributes
        .split_at_checked(ending.start_bytes)
        .unwrap_or((&ending.attributes, &[]));
    let [end, common] = if is_early {
        [&[][..]; 2]
    } else {
        [end, ending.common]
    };
    let layers = |bytes| {
        let all = Attributes::new(bytes).map_while(Result::ok);
        all.map(|raw| (raw.attribute.key, Said::ByLayer(raw.framed)))
    };
    let users = users
        .iter()
        .map(|user| (user.key.as_str(), Said::ByUser(user)));
    let in_order = layers(start)
        .chain(users)
        .chain(layers(end))
        .chain(layers(common));
    let mut all: Vec<(&str, Said<'_>)> = Vec::with_capacity(32);
    let mut dropped = 0;
    for (key, said) in in_order {
        if is_kept && key == KEPT.as_str() {
            continue;
        }
        if let Some((_, before)) = all.iter_mut().find(|(known, _)| *known == key) {
            // It takes the place of what was said before.
            *before = said;
        } else if all.len() < most as usize {
            all.push((key, said));
        } else {
            dropped += 1;
        }
    }
    for (_, said) in all {
        match said {
            Said::ByLayer(framed) => out.extend_from_slice(framed),
            Said::ByUser(user) => {
                let (key, value) = (&user.key, &user.value);
                encode::attribute(out, AttributeOf::Span, key, value, usize::MAX);
            }
        }
    }
    dropped
}

/// An attribute, and who has set it.
enum Said<'a> {
    ByLayer(&'a [u8]),
    ByUser(&'a KeyValue),
}

/// Events, links, and what there was no room for.
fn lists(out: &mut Vec<u8>, data: Option<&Data>, dropped: u32, longest: usize) {
    match data {
        Some(data) => {
            for event in &data.events {
                encode::event(out, event, |out| {
                    encode::attributes(out, AttributeOf::EVENT, &event.attributes, longest);
                });
            }
            for link in &data.links {
                encode::link(out, link, |out| {
                    encode::attributes(out, AttributeOf::Link, &link.attributes, longest);
                });
            }
            let attributes = dropped.saturating_add(data.dropped_attributes);
            put_dropped(out, attributes, data.dropped_events, data.dropped_links);
        }
        None => put_dropped(out, dropped, 0, 0),
    }
}
