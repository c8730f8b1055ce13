//! The W3C Trace Context format.

use std::cell::RefCell;
use std::sync::LazyLock;

use http::HeaderMap;
use lianlu_wire::w3c::{TRACEPARENT_BYTES, TraceParent, parse_tracestate};
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TraceState};

use super::caller::CallerSpan;
use super::carrier::text;
use super::level2::Level2;
use super::parse_cache::ParseCache;
use crate::scan::Scan;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Injects and extracts `traceparent` and `tracestate`, strictly by
/// [W3C Trace Context Level 2](https://www.w3.org/TR/trace-context-2/).
///
/// A malformed or repeated `traceparent` is ignored, so a new trace starts. A malformed `tracestate` is
/// dropped and the trace is continued. Several `tracestate` lines are joined, and of two members with
/// the same key the first is kept. The random-trace-id flag is propagated to the next hop, and so is
/// the whole `tracestate`, in the caller's order unless a sampler changed it.
///
/// ```
/// use lianlu::propagation::TraceContext;
/// use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
///
/// let carrier = std::collections::HashMap::from([(
///     "traceparent".to_owned(),
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
/// )]);
/// let cx = TraceContext::new().extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "00f067aa0ba902b7");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TraceContext;

impl TraceContext {
    /// The propagator.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl TextMapPropagator for TraceContext {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let parent = TraceParent {
            trace_id: span.trace_id().to_bytes(),
            parent_id: span.span_id().to_bytes(),
            flags: span.trace_flags().to_u8() | Level2::flags(cx, span),
        };
        let mut buffer = [0; TRACEPARENT_BYTES];
        injector.set(TRACEPARENT, parent.encode_into(&mut buffer).to_owned());
        // Set even if empty, so that the injector removes the value of an earlier hop.
        injector.set(TRACESTATE, Level2::state(cx, span));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let Some(parent) = traceparent(extractor) else {
            return cx.clone();
        };
        let lines = extractor.get_all(TRACESTATE).unwrap_or_default();
        let (span, level2) = caller(&parent, lines.iter().map(|line| line.as_bytes()));
        let cx = cx.with_remote_span_context(span.into_context());
        match level2 {
            Some(level2) => cx.with_value(*level2),
            None => cx,
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 2]> =
            LazyLock::new(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

fn traceparent(extractor: &dyn Extractor) -> Option<TraceParent> {
    // A repeated header is ambiguous.
    let [line] = extractor.get_all(TRACEPARENT)?.try_into().ok()?;
    TraceParent::parse(line.as_bytes()).ok()
}

/// The caller's span, and what it has no room for.
fn caller<'a>(
    parent: &TraceParent,
    state: impl IntoIterator<Item = &'a [u8]>,
) -> (CallerSpan, Option<Box<Level2>>) {
    let state = parse_tracestate(state).unwrap_or_default();
    let (state, level2) = Level2::split(parent, &state);
    (CallerSpan::new(parent, state), level2.map(Box::new))
}

/// As [`TraceContext`] extracts it.
#[inline]
pub(super) fn read(
    scan: &Scan<'_>,
    headers: &HeaderMap,
) -> (Option<CallerSpan>, Option<Box<Level2>>) {
    let line = scan.traceparent.single();
    // One of the exact length is parsed to its last byte, and only what a later version adds could be other than text.
    let line = line.filter(|line| line.len() <= TRACEPARENT_BYTES || line.to_str().is_ok());
    let Some(parent) = line.and_then(|line| TraceParent::parse(line.as_bytes()).ok()) else {
        return (None, None);
    };
    if scan.tracestate.first.is_none() && !parent.is_random() {
        return (Some(CallerSpan::new(&parent, TraceState::NONE)), None);
    }
    let Some(line) = scan.tracestate.single() else {
        let lines = headers.get_all(TRACESTATE).iter().map(text);
        let (span, level2) = caller(&parent, lines);
        return (Some(span), level2);
    };
    if let Some(state) = ParseCache::get(&STATES, line.as_bytes()) {
        let level2 = Level2::of_flag(&parent).map(Box::new);
        return (Some(CallerSpan::new(&parent, state)), level2);
    }
    let (span, level2) = caller(&parent, [text(line)]);
    // What it can't hold goes on beside it, for its own trace.
    if !level2.as_ref().is_some_and(|level2| level2.has_state()) {
        ParseCache::insert(&STATES, line.as_bytes(), &span.state);
    }
    (Some(span), level2)
}

thread_local! {
    static STATES: RefCell<ParseCache<TraceState>> = const { RefCell::new(ParseCache::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    use crate::propagation::{HeaderExtractor, HeaderInjector};

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context_of(lines: &[(&'static str, &str)]) -> Context {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        TraceContext.extract_with_context(&Context::new(), &HeaderExtractor(&headers))
    }

    #[test]
    fn round_trips_and_replaces_stale_headers() {
        let cx = context_of(&[
            (TRACEPARENT, VALID),
            (TRACESTATE, "a=1"),
            (TRACESTATE, "b=2"),
        ]);
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, "stale".parse().unwrap());
        TraceContext.inject_context(&cx, &mut HeaderInjector(&mut headers));
        assert_eq!(headers[TRACEPARENT], VALID);
        assert_eq!(headers[TRACESTATE], "a=1,b=2");
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn ignores_a_malformed_or_repeated_traceparent() {
        for value in [
            "",
            "x",
            "00",
            &VALID[..54],
            &format!("{VALID}-"),
            &VALID.to_uppercase(),
        ] {
            let cx = context_of(&[(TRACEPARENT, value)]);
            assert!(!cx.span().span_context().is_valid(), "{value:?}");
        }
        let twice = context_of(&[(TRACEPARENT, VALID), (TRACEPARENT, VALID)]);
        assert!(!twice.span().span_context().is_valid());
    }

    #[test]
    fn the_one_pass_reader_equals_the_propagator() {
        for (value, is_taken) in [
            (VALID.as_bytes().to_vec(), true),
            (format!(" {VALID}\t").into_bytes(), true),
            (format!("cc{}-future", &VALID[2..]).into_bytes(), true),
            (
                [b"cc", &VALID.as_bytes()[2..], b"-future\xeb"].concat(),
                false,
            ),
            ([&VALID.as_bytes()[..54], b"\xeb"].concat(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_bytes(&value).unwrap());
            let (caller, _) = read(&Scan::of(&headers), &headers);
            let cx = TraceContext.extract_with_context(&Context::new(), &HeaderExtractor(&headers));
            let value = value.escape_ascii();
            assert_eq!(caller.is_some(), is_taken, "{value}");
            assert_eq!(cx.span().span_context().is_valid(), is_taken, "{value}");
        }
    }

    #[test]
    fn drops_a_malformed_tracestate_and_continues_the_trace() {
        let cx = context_of(&[(TRACEPARENT, VALID), (TRACESTATE, "=")]);
        assert!(cx.span().span_context().is_valid());
        assert_eq!(cx.span().span_context().trace_state().header(), "");
    }

    #[test]
    fn removes_a_stale_tracestate_if_the_state_is_empty() {
        let cx = context_of(&[(TRACEPARENT, VALID)]);
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, "stale=1".parse().unwrap());
        TraceContext.inject_context(&cx, &mut HeaderInjector(&mut headers));
        assert!(!headers.contains_key(TRACESTATE));
    }
}
