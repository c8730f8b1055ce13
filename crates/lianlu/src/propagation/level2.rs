//! The parts of W3C Trace Context Level 2 that OpenTelemetry's span context cannot represent.

use lianlu_wire::w3c::{TraceParent, encode_tracestate};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceId, TraceState};

/// Stored in a context beside the span. Valid only for the trace with its id.
///
/// - The random-trace-id flag: the SDK clears all flags of an unsampled span.
/// - `tracestate` keys such as `a@b@c`: [`TraceState`] implements the key grammar of Level 1 and
///   rejects them.
#[derive(Debug, Clone)]
pub(crate) struct Level2 {
    trace_id: TraceId,
    is_random: bool,
    state: Option<State>,
}

/// A `tracestate` that [`TraceState`] cannot represent.
#[derive(Debug, Clone)]
struct State {
    /// The members that [`TraceState`] accepts.
    accepted: TraceState,
    /// All members, as received.
    all: String,
    /// The members that [`TraceState`] rejects.
    rejected: Vec<(String, String)>,
}

impl Level2 {
    /// Splits a received trace into the state for the span's context and the rest, if any.
    pub(super) fn split(
        parent: &TraceParent,
        members: &[(&str, &str)],
    ) -> (TraceState, Option<Self>) {
        if members.is_empty() && !parent.is_random() {
            return (TraceState::NONE, None);
        }
        let (accepted, state) = match TraceState::from_key_value(members.iter().copied()) {
            Ok(accepted) => (accepted, None),
            Err(_) => {
                let state = State::new(members);
                (state.accepted.clone(), Some(state))
            }
        };
        let level2 = match state {
            None => Self::of_flag(parent),
            state => Some(Self::new(parent, state)),
        };
        (accepted, level2)
    }

    fn new(parent: &TraceParent, state: Option<State>) -> Self {
        Self {
            trace_id: TraceId::from_bytes(parent.trace_id),
            is_random: parent.is_random(),
            state,
        }
    }

    /// The rest of a received trace whose `tracestate` the span's context can represent.
    pub(super) fn of_flag(parent: &TraceParent) -> Option<Self> {
        parent.is_random().then(|| Self::new(parent, None))
    }

    /// Returns true if there is more than the flag, which the spans of our own provider can
    /// represent.
    pub(super) fn has_state(&self) -> bool {
        self.state.is_some()
    }

    fn of<'a>(cx: &'a Context, span: &SpanContext) -> Option<&'a Self> {
        cx.get::<Self>()
            .filter(|level2| level2.trace_id == span.trace_id())
    }

    /// The flags to add to those of `span`.
    pub(crate) fn flags(cx: &Context, span: &SpanContext) -> u8 {
        match Self::of(cx, span) {
            Some(level2) if level2.is_random => TraceParent::RANDOM,
            _ => 0,
        }
    }

    /// The full `tracestate` of `span`.
    pub(super) fn state(cx: &Context, span: &SpanContext) -> String {
        match Self::of(cx, span).and_then(|level2| level2.state.as_ref()) {
            None => span.trace_state().header(),
            Some(state) if state.accepted == *span.trace_state() => state.all.clone(),
            // A sampler has changed the state: its members are the newest, so they come first.
            Some(state) => encode_tracestate(
                span.trace_state()
                    .into_iter()
                    .chain(state.rejected.iter().map(|(key, value)| (&**key, &**value))),
            ),
        }
    }
}

impl State {
    fn new(members: &[(&str, &str)]) -> Self {
        let is_accepted = |member: &&(&str, &str)| TraceState::from_key_value([**member]).is_ok();
        let accepted = members
            .iter()
            .copied()
            .filter(|member| is_accepted(&member));
        Self {
            accepted: TraceState::from_key_value(accepted).unwrap_or_default(),
            all: encode_tracestate(members.iter().copied()),
            rejected: members
                .iter()
                .filter(|member| !is_accepted(member))
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

    fn extracted(flags: &str, state: &str) -> Context {
        let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
        let headers = Headers::new(&[("traceparent", &traceparent), ("tracestate", state)]);
        TraceContext::new().extract_with_context(&Context::new(), &headers)
    }

    /// The headers injected for a span that an SDK created in `cx`.
    fn injected(cx: &Context, trace_id: &str, flags: u8, state: TraceState) -> Vec<String> {
        let span = SpanContext::new(
            TraceId::from_hex(trace_id).unwrap(),
            SpanId::from_hex("b7ad6b7169203331").unwrap(),
            TraceFlags::new(flags),
            false,
            state,
        );
        let cx = cx.with_remote_span_context(span);
        Headers::injected(&TraceContext::new(), &cx).lines()
    }

    #[test]
    fn keeps_the_random_flag_for_a_span_without_flags() {
        for (flags, span_flags, expected) in [
            ("02", 0, "02"),
            ("03", 1, "03"),
            ("03", 0, "02"),
            ("01", 1, "01"),
            ("ff", 0, "02"),
        ] {
            let cx = extracted(flags, "");
            let expected = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-{expected}");
            assert_eq!(
                injected(&cx, TRACE, span_flags, TraceState::NONE),
                [expected]
            );
        }
        let other = injected(
            &extracted("02", "a@b@c=1"),
            &TRACE.replace('4', "5"),
            0,
            TraceState::NONE,
        );
        assert_eq!(other.len(), 1);
        assert!(other[0].ends_with("-00"), "another trace: {other:?}");
    }

    #[test]
    fn propagates_level_2_keys_in_order() {
        let long = "t".repeat(241) + "@" + &"v".repeat(14);
        for state in [
            "a=1,a@b@c=2,d=3",
            "foo@=1",
            "0@1=1",
            &format!("a=1,{long}=2"),
        ] {
            let cx = extracted("01", state);
            let accepted = cx.span().span_context().trace_state().clone();
            let lines = injected(&cx, TRACE, 1, accepted);
            assert_eq!(lines[1], format!("tracestate: {state}"));
        }
    }

    #[test]
    fn puts_members_of_a_sampler_first() {
        let cx = extracted("01", "a=1,a@b@c=2,d=3");
        let state = cx
            .span()
            .span_context()
            .trace_state()
            .insert("ot", "th:0")
            .unwrap();
        let lines = injected(&cx, TRACE, 1, state);
        assert_eq!(lines[1], "tracestate: ot=th:0,a=1,d=3,a@b@c=2");
    }
}
