//! A span's end: all that is known of it becomes bytes, once.

use lianlu_wire::otlp::{
    AttributeOf, Attributes, SpanHead, find_attribute, put_dropped, put_span, put_str, span_flags,
};
use lianlu_wire::otlp_key;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, Status};

use super::data::{self, Data};
use super::direct::Ending;
use super::span::{Fate, Recording};
use crate::encode;

/// Takes a span that has ended, and writes it into its thread's lane.
#[inline]
pub(super) fn record(
    context: &SpanContext,
    mut recording: Recording,
    end: u64,
    ending: Option<&Ending>,
) {
    let mut data = recording.data.take();
    let provider = &recording.recorder.tracer.provider;
    if let Some(pipeline) = &provider.pipeline {
        // What its layer says of the end of a span that a user had ended before, nobody asked for.
        let is_early = recording.ended.is_some();
        let end = recording.ended.unwrap_or(end).max(recording.start);
        settle(&mut data, ending.filter(|_| !is_early));
        if let Some(data) = data.as_mut().filter(|data| !data.attributes.is_empty()) {
            data.set_once();
        }
        let status = match (&data, ending) {
            (Some(data), _) => &data.status,
            (None, Some(ending)) if !is_early => &ending.status,
            (None, _) => &Status::Unset,
        };
        let is_error = matches!(status, Status::Error { .. });
        let kept = match recording.fate {
            Fate::Export => None,
            Fate::Judge => provider.keep.reason(is_error, end - recording.start),
        };
        if recording.fate == Fate::Export || kept.is_some() {
            if kept.is_some() {
                pipeline.count_started();
            }
            let state = encode::header(context.trace_state());
            let head = SpanHead {
                trace_id: context.trace_id().to_bytes(),
                span_id: context.span_id().to_bytes(),
                parent_span_id: recording.parent_span_id,
                trace_state: &state,
                flags: span_flags(context.trace_flags().to_u8(), recording.parent_is_remote),
                name: name(&recording.name, data.as_deref(), ending, is_early),
                kind: recording.kind,
                start_unix_nanos: recording.start,
                end_unix_nanos: end,
            };
            let most = provider.limits.max_attributes_per_span;
            let longest = provider.longest_value;
            pipeline.record(&recording.recorder.tracer.scope, recording.slot, |out| {
                put_span(out, &head, |out| {
                    let user = data.as_deref();
                    let dropped = attributes(out, user, ending, is_early, (most, longest));
                    if let Some(reason) = kept {
                        put_str(out, AttributeOf::Span, otlp_key!("lianlu.kept"), reason);
                    }
                    lists(out, user, dropped, longest);
                    encode::status(out, status);
                });
            });
        }
    }
    if let Some(data) = data {
        data::recycle(data);
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
    is_early: bool,
    (most, longest): (u32, usize),
) -> u32 {
    let users = data
        .map(|data| data.attributes.as_slice())
        .unwrap_or_default();
    let Some(ending) = ending else {
        encode::attributes(out, AttributeOf::Span, users, longest);
        return 0;
    };
    if users.is_empty() && !ending.repeats && !is_early && ending.count <= most {
        out.extend_from_slice(&ending.attributes);
        return 0;
    }
    merged(out, users, ending, is_early, most)
}

/// The same where something may stand over something else.
#[cold]
fn merged(
    out: &mut Vec<u8>,
    users: &[KeyValue],
    ending: &Ending,
    is_early: bool,
    most: u32,
) -> u32 {
    let (start, end) = ending
        .attributes
        .split_at_checked(ending.start_bytes)
        .unwrap_or((&ending.attributes, &[]));
    let end = if is_early { &[] } else { end };
    let mut left = most;
    let mut dropped = 0;
    let mut has_room = || {
        if left == 0 {
            dropped += 1;
            return false;
        }
        left -= 1;
        true
    };
    for raw in Attributes::new(start).map_while(Result::ok) {
        let key = raw.attribute.key;
        let behind = start.get(raw.at + raw.framed.len()..).unwrap_or_default();
        let is_later = users.iter().any(|user| user.key.as_str() == key)
            || find_attribute(behind, key).is_some()
            || find_attribute(end, key).is_some();
        if !is_later && has_room() {
            out.extend_from_slice(raw.framed);
        }
    }
    for user in users {
        let is_later = find_attribute(end, user.key.as_str()).is_some();
        if !is_later && has_room() {
            let (key, value) = (&user.key, &user.value);
            encode::attribute(out, AttributeOf::Span, key, value, usize::MAX);
        }
    }
    for raw in Attributes::new(end).map_while(Result::ok) {
        let behind = end.get(raw.at + raw.framed.len()..).unwrap_or_default();
        let is_later = find_attribute(behind, raw.attribute.key).is_some();
        if !is_later && has_room() {
            out.extend_from_slice(raw.framed);
        }
    }
    dropped
}

/// Events, links, and what there was no room for.
fn lists(out: &mut Vec<u8>, data: Option<&Data>, dropped: u32, longest: usize) {
    match data {
        Some(data) => {
            for event in &data.events {
                encode::event(out, event, longest);
            }
            for link in &data.links {
                encode::link(out, link, longest);
            }
            let attributes = dropped.saturating_add(data.dropped_attributes);
            put_dropped(out, attributes, data.dropped_events, data.dropped_links);
        }
        None => put_dropped(out, dropped, 0, 0),
    }
}
