//! The ids of a span as text.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};

/// The ids of a span, for logs.
///
/// `Display` writes `trace_id=… span_id=… trace_flags=01`.
///
/// ```
/// use lianlu::logs::TraceIds;
///
/// match TraceIds::current() {
///     Some(ids) => println!("paid {ids}"),
///     None => println!("paid"),
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceIds {
    trace_id: [u8; 32],
    span_id: [u8; 16],
    trace_flags: [u8; 2],
}

impl TraceIds {
    /// The ids of the span in OpenTelemetry's current context; `None` outside of a span.
    #[must_use]
    pub fn current() -> Option<Self> {
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            span.is_valid().then(|| Self::new(span))
        })
    }

    fn new(span: &SpanContext) -> Self {
        Self {
            trace_id: hex(u128::from_be_bytes(span.trace_id().to_bytes())),
            span_id: hex(u64::from_be_bytes(span.span_id().to_bytes()).into()),
            trace_flags: hex(span.trace_flags().to_u8().into()),
        }
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        text(&self.trace_id)
    }

    /// 16 lower-case hex digits.
    #[must_use]
    pub fn span_id(&self) -> &str {
        text(&self.span_id)
    }

    /// Two lower-case hex digits; the last bit is set if the span is sampled.
    #[must_use]
    pub fn trace_flags(&self) -> &str {
        text(&self.trace_flags)
    }

    pub(super) fn fields(&self) -> [(&'static str, &str); 3] {
        [
            ("trace_id", self.trace_id()),
            ("span_id", self.span_id()),
            ("trace_flags", self.trace_flags()),
        ]
    }

    /// The ids for a log record with this target. `None` for OpenTelemetry's own records: it logs
    /// while it changes the context stack, which must not be read then.
    pub(super) fn for_target(target: &str) -> Option<Self> {
        (target != "opentelemetry").then(Self::current).flatten()
    }
}

impl fmt::Display for TraceIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trace_id={} span_id={} trace_flags={}",
            self.trace_id(),
            self.span_id(),
            self.trace_flags()
        )
    }
}

/// The lowest `N` hex digits.
fn hex<const N: usize>(number: u128) -> [u8; N] {
    std::array::from_fn(|index| {
        let shift = 4 * (N - 1 - index);
        match (number >> shift) as u8 & 0xf {
            digit @ 0..=9 => b'0' + digit,
            digit => b'a' + digit - 10,
        }
    })
}

fn text(digits: &[u8]) -> &str {
    std::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId};
    use opentelemetry::{Context, trace::TraceState};

    use super::TraceIds;

    fn context(trace_id: &str, span_id: &str, flags: u8) -> Context {
        Context::new().with_remote_span_context(SpanContext::new(
            TraceId::from_hex(trace_id).unwrap(),
            SpanId::from_hex(span_id).unwrap(),
            TraceFlags::new(flags),
            true,
            TraceState::default(),
        ))
    }

    #[test]
    fn formats_ids_like_opentelemetry() {
        let _current = context("0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", 1).attach();
        assert_eq!(
            TraceIds::current().unwrap().to_string(),
            "trace_id=0af7651916cd43dd8448eb211c80319c span_id=00f067aa0ba902b7 trace_flags=01"
        );
        assert_eq!(TraceIds::current().unwrap().trace_id(), crate::trace_id());
        assert_eq!(TraceIds::current().unwrap().span_id(), crate::span_id());
    }

    #[test]
    fn returns_none_without_a_valid_span() {
        assert_eq!(TraceIds::current(), None);
        let _current = context("0af7651916cd43dd8448eb211c80319c", "0", 1).attach();
        assert_eq!(TraceIds::current(), None);
    }

    #[test]
    fn returns_none_for_records_of_opentelemetry() {
        let _current = context("1", "2", 0).attach();
        assert!(TraceIds::for_target("opentelemetry").is_none());
        assert!(TraceIds::for_target("opentelemetry_sdk").is_some());
    }
}
