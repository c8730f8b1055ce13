//! What of W3C Trace Context Level 2 has no room in OpenTelemetry's span context.

use lianlu_wire::w3c::{TraceParent, encode_tracestate};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceId, TraceState};

/// Travels beside the span in a context, and counts for its own trace alone.
///
/// - A span that isn't sampled loses the flag that says its trace id is random: the SDK gives it no
///   flags at all.
/// - [`TraceState`] has the key grammar of Level 1, and refuses keys such as `a@b@c`.
#[derive(Debug, Clone)]
pub(crate) struct Level2 {
    trace_id: TraceId,
    is_random: bool,
    state: Option<State>,
}

/// A `tracestate` that [`TraceState`] can't hold.
#[derive(Debug, Clone)]
struct State {
    /// The members it can hold.
    held: TraceState,
    /// All members, as received.
    all: String,
    /// The members it refuses.
    refused: Vec<(String, String)>,
}

impl Level2 {
    /// What a received trace has for the span's context, and what remains, if anything does.
    pub(super) fn split(
        parent: &TraceParent,
        members: &[(&str, &str)],
    ) -> (TraceState, Option<Self>) {
        if members.is_empty() && !parent.is_random() {
            return (TraceState::NONE, None);
        }
        let (held, state) = match TraceState::from_key_value(members.iter().copied()) {
            Ok(held) => (held, None),
            Err(_) => {
                let state = State::new(members);
                (state.held.clone(), Some(state))
            }
        };
        let level2 = match state {
            None => Self::of_flag(parent),
            state => Some(Self::new(parent, state)),
        };
        (held, level2)
    }

    fn new(parent: &TraceParent, state: Option<State>) -> Self {
        Self {
            trace_id: TraceId::from_bytes(parent.trace_id),
            is_random: parent.is_random(),
            state,
        }
    }

    /// What remains of a received trace whose `tracestate` the span's context holds.
    pub(super) fn of_flag(parent: &TraceParent) -> Option<Self> {
        parent.is_random().then(|| Self::new(parent, None))
    }

    /// Whether there is more than a flag, for which spans of our own have room.
    pub(super) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    fn of<'a>(cx: &'a Context, span: &SpanContext) -> Option<&'a Self> {
        cx.get::<Self>()
            .filter(|level2| level2.trace_id == span.trace_id())
    }

    /// The flags that `span` should have besides its own.
    pub(crate) fn flags(cx: &Context, span: &SpanContext) -> u8 {
        match Self::of(cx, span) {
            Some(level2) if level2.is_random => TraceParent::RANDOM,
            _ => 0,
        }
    }

    /// The `tracestate` of `span`.
    pub(super) fn state(cx: &Context, span: &SpanContext) -> String {
        match Self::of(cx, span).and_then(|level2| level2.state.as_ref()) {
            None => span.trace_state().header(),
            Some(state) if state.held == *span.trace_state() => state.all.clone(),
            // A sampler has changed its members: these are the newest, so they stand in front.
            Some(state) => encode_tracestate(
                span.trace_state()
                    .into_iter()
                    .chain(state.refused.iter().map(|(key, value)| (&**key, &**value))),
            ),
        }
    }
}

impl State {
    fn new(members: &[(&str, &str)]) -> Self {
        let is_held = |member: &&(&str, &str)| TraceState::from_key_value([**member]).is_ok();
        let held = members.iter().copied().filter(|member| is_held(&member));
        Self {
            held: TraceState::from_key_value(held).unwrap_or_default(),
            all: encode_tracestate(members.iter().copied()),
            refused: members
                .iter()
                .filter(|member| !is_held(member))
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::TraceContext;
    use crate::propagation::testing::Headers;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::{SpanId, TraceContextExt, TraceFlags};

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn received(flags: &str, state: &str) -> Context {
        let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        let headers = Headers::new(&[("traceparent", &traceparent), ("tracestate", state)]);
        TraceContext::new().extract_with_context(&Context::new(), &headers)
    }

    /// What goes out of a span that an SDK has made under `cx`.
    fn sent(cx: &Context, trace_id: &str, flags: u8, state: TraceState) -> Vec<String> {
        let span = SpanContext::new(
            TraceId::from_hex(trace_id).unwrap(),
            SpanId::from_hex("b7ad6b7169203331").unwrap(),
            TraceFlags::new(flags),
            false,
            state,
        );
        let cx = cx.with_remote_span_context(span);
        Headers::sent(&TraceContext::new(), &cx).lines()
    }

    #[test]
    fn the_random_flag_outlives_a_span_without_flags() {
        for (flags, of_span, expected) in [
            ("02", 0, "02"),
            ("03", 1, "03"),
            ("03", 0, "02"),
            ("01", 1, "01"),
            ("ff", 0, "02"),
        ] {
            let cx = received(flags, "");
            let expected = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-{expected}");
            assert_eq!(sent(&cx, TRACE, of_span, TraceState::NONE), [expected]);
        }
        let other = sent(
            &received("02", "a@b@c=1"),
            &TRACE.replace('4', "5"),
            0,
            TraceState::NONE,
        );
        assert_eq!(other.len(), 1);
        assert!(other[0].ends_with("-00"), "another trace: {other:?}");
    }

    #[test]
    fn keys_of_level_2_go_on_in_their_place() {
        let long = "t".repeat(241) + "@" + &"v".repeat(14);
        for state in [
            "a=1,a@b@c=2,d=3",
            "foo@=1",
            "0@1=1",
            &format!("a=1,{long}=2"),
        ] {
            let cx = received("01", state);
            let held = cx.span().span_context().trace_state().clone();
            let lines = sent(&cx, TRACE, 1, held);
            assert_eq!(lines[1], format!("tracestate: {state}"));
        }
    }

    #[test]
    fn what_a_sampler_adds_stands_in_front() {
        let cx = received("01", "a=1,a@b@c=2,d=3");
        let state = cx
            .span()
            .span_context()
            .trace_state()
            .insert("ot", "th:0")
            .unwrap();
        let lines = sent(&cx, TRACE, 1, state);
        assert_eq!(lines[1], "tracestate: ot=th:0,a=1,d=3,a@b@c=2");
    }
}
