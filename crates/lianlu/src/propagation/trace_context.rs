//! The W3C Trace Context format.

use std::cell::RefCell;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderValue};
use lianlu_wire::w3c::{TRACEPARENT_BYTES, TraceParent, parse_tracestate};
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TraceState};

use super::level2::Level2;
use super::parse_cache::ParseCache;
use super::remote_parent::{RemoteParent, RemoteSpan};
use crate::known_headers::KnownHeaders;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Injects and extracts `traceparent` and `tracestate`, strictly by
/// [W3C Trace Context Level 2](https://www.w3.org/TR/trace-context-2/).
///
/// A malformed or repeated `traceparent` is ignored, so a new trace starts. A malformed
/// `tracestate` is dropped and the trace is continued. Several `tracestate` lines are joined, and
/// of two members with the same key the first is kept. The random-trace-id flag is propagated to
/// the next hop, and so is the whole `tracestate`, in the caller's order unless a sampler changed
/// it.
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
        let state = Level2::state(cx, span);
        if !state.is_empty() {
            injector.set(TRACESTATE, state);
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let mut remote = RemoteParent::default();
        let mut cx = cx.clone();
        if extract(extractor, &mut remote).is_some() {
            remote.move_into(&mut cx);
        }
        cx
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 2]> =
            LazyLock::new(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

/// Parses the headers from any carrier.
fn extract(extractor: &dyn Extractor, remote: &mut RemoteParent) -> Option<()> {
    // A repeated header is ambiguous.
    let [traceparent] = extractor.get_all(TRACEPARENT)?.try_into().ok()?;
    let lines = extractor.get_all(TRACESTATE).unwrap_or_default();
    let tracestate: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    parse(traceparent.as_bytes(), &tracestate, remote)
}

/// Parses the headers from an HTTP request, with the same result as [`TraceContext`].
#[inline]
pub(super) fn read(
    known: &KnownHeaders<'_>,
    headers: &HeaderMap,
    remote: &mut RemoteParent,
) -> Option<()> {
    let traceparent = known.traceparent.single()?;
    let (one, several): (_, Vec<_>);
    let tracestate: &[&[u8]] = match (known.tracestate.first, known.tracestate.has_more) {
        (None, _) => &[],
        (Some(line), false) => {
            one = [line.as_bytes()];
            &one
        }
        (Some(_), true) => {
            several = all_lines(headers);
            &several
        }
    };
    parse(traceparent.as_bytes(), tracestate, remote)
}

#[cold]
fn all_lines(headers: &HeaderMap) -> Vec<&[u8]> {
    let lines = headers.get_all(TRACESTATE).iter();
    lines.map(HeaderValue::as_bytes).collect()
}

/// Parses a `traceparent` and the lines of a `tracestate`. `None` if the `traceparent` is
/// malformed.
#[inline]
fn parse(traceparent: &[u8], tracestate: &[&[u8]], remote: &mut RemoteParent) -> Option<()> {
    let parent = TraceParent::parse(traceparent).ok()?;
    let span = remote.span.insert(RemoteSpan::new(&parent));
    if !tracestate.is_empty() {
        (span.state, remote.level2) = parse_state(&parent, tracestate);
    } else if parent.is_random() {
        remote.level2 = Level2::of_flag(&parent).map(Box::new);
    }
    Some(())
}

/// Parses the lines of a `tracestate`; a malformed one is empty, except that members beyond ASCII
/// are left out by themselves. The state of a single line is
/// cached, unless it has parts that [`TraceState`] cannot represent.
fn parse_state(parent: &TraceParent, lines: &[&[u8]]) -> (TraceState, Option<Box<Level2>>) {
    let single = match lines {
        [line] => Some(*line),
        _ => None,
    };
    if let Some(state) = single.and_then(|line| ParseCache::get(&STATES, line)) {
        return (state, Level2::of_flag(parent).map(Box::new));
    }
    let members = parse_tracestate(lines.iter().copied()).or_else(|_| {
        let members = lines
            .iter()
            .flat_map(|line| line.split(|byte| *byte == b','));
        parse_tracestate(members.filter(|member| member.is_ascii()))
    });
    let members = members.unwrap_or_default();
    let (state, level2) = Level2::split(parent, &members);
    if let Some(line) = single
        && !level2.as_ref().is_some_and(Level2::has_state)
    {
        ParseCache::insert(&STATES, line, &state);
    }
    (state, level2.map(Box::new))
}

thread_local! {
    static STATES: RefCell<ParseCache<TraceState>> = const { RefCell::new(ParseCache::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::propagation::{HeaderExtractor, HeaderInjector};

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context_of(lines: &[(&'static str, &str)]) -> Context {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        TraceContext.extract_with_context(&Context::new(), &HeaderExtractor::new(&headers))
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
        TraceContext.inject_context(&cx, &mut HeaderInjector::new(&mut headers));
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
        for (value, is_valid) in [
            (VALID.as_bytes().to_vec(), true),
            (format!(" {VALID}\t").into_bytes(), true),
            (format!("cc{}-future", &VALID[2..]).into_bytes(), true),
            (
                [b"cc", &VALID.as_bytes()[2..], b"-future\xeb"].concat(),
                true,
            ),
            ([&VALID.as_bytes()[..54], b"\xeb"].concat(), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_bytes(&value).unwrap());
            let mut remote = RemoteParent::default();
            let _ = read(&KnownHeaders::of(&headers), &headers, &mut remote);
            let cx =
                TraceContext.extract_with_context(&Context::new(), &HeaderExtractor::new(&headers));
            let value = value.escape_ascii();
            assert_eq!(remote.span.is_some(), is_valid, "{value}");
            assert_eq!(cx.span().span_context().is_valid(), is_valid, "{value}");
        }
    }

    #[test]
    fn drops_a_malformed_tracestate_and_continues_the_trace() {
        for (state, kept) in [
            (&b"="[..], ""),
            (b"a=1,b =2,c=3", ""),
            // Bytes beyond ASCII cost their own member.
            (b"a=1,b=\xff,c=3", "a=1,c=3"),
            ("é=1,c=3".as_bytes(), "c=3"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, HeaderValue::from_static(VALID));
            headers.insert(TRACESTATE, HeaderValue::from_bytes(state).unwrap());
            let headers = HeaderExtractor::new(&headers);
            let cx = TraceContext.extract_with_context(&Context::new(), &headers);
            assert!(cx.span().span_context().is_valid());
            assert_eq!(cx.span().span_context().trace_state().header(), kept);
        }
    }

    #[test]
    fn removes_a_stale_tracestate_if_the_state_is_empty() {
        let cx = context_of(&[(TRACEPARENT, VALID)]);
        let mut headers = HeaderMap::new();
        headers.insert(TRACESTATE, "stale=1".parse().unwrap());
        TraceContext.inject_context(&cx, &mut HeaderInjector::new(&mut headers));
        assert!(!headers.contains_key(TRACESTATE));
    }
}
