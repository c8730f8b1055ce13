//! Jaeger's own headers.

use std::sync::LazyLock;

use lianlu_wire::jaeger_header::{
    BAGGAGE_PREFIX, UberTraceId, encode_baggage_value, parse_baggage_value,
};
use lianlu_wire::w3c::{BAGGAGE_MAX_BYTES, BAGGAGE_MAX_MEMBERS};
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

use super::remote::Caller;

const HEADER: &str = "uber-trace-id";

/// Sends and reads `uber-trace-id` and `uberctx-*`, the headers of
/// [Jaeger's older libraries](https://www.jaegertracing.io/docs/1.21/client-libraries/#propagation-format).
///
/// The baggage has a header for each entry, `uberctx-tenant: acme%20corp`: at most 64 of them and 8,192
/// bytes together, as in W3C Baggage, entries beyond that are dropped. Header names have no case, so
/// keys arrive in lower case. What arrives is added to the baggage found before.
///
/// A malformed `uber-trace-id` leaves the trace that was found before. A debug flag goes on to the
/// next hop.
///
/// ```
/// use lianlu::propagation::Jaeger;
/// use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
///
/// let carrier = std::collections::HashMap::from([(
///     "uber-trace-id".to_owned(),
///     "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1".to_owned(),
/// )]);
/// let cx = Jaeger::new().extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "00f067aa0ba902b7");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Jaeger;

impl Jaeger {
    /// The propagator.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// What may still be sent or read of the baggage.
struct Room {
    bytes: usize,
    entries: usize,
}

impl Room {
    fn new() -> Self {
        Self {
            bytes: BAGGAGE_MAX_BYTES,
            entries: BAGGAGE_MAX_MEMBERS,
        }
    }

    /// Whether a header of this name and value fits, which is then counted.
    fn takes(&mut self, name: &str, value: &str) -> bool {
        let left = self.bytes.checked_sub(name.len() + value.len());
        match (left, self.entries.checked_sub(1)) {
            (Some(bytes), Some(entries)) => {
                *self = Self { bytes, entries };
                true
            }
            _ => false,
        }
    }
}

impl TextMapPropagator for Jaeger {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        if let Some(caller) = Caller::of(cx) {
            let sampled = if caller.sampled {
                UberTraceId::SAMPLED
            } else {
                0
            };
            let debug = if caller.debug { UberTraceId::DEBUG } else { 0 };
            let header = UberTraceId {
                trace_id: caller.trace_id,
                span_id: caller.span_id,
                flags: sampled | debug,
            };
            injector.set(HEADER, header.encode());
        }
        let baggage = cx.baggage();
        let mut entries: Vec<_> = baggage.iter().collect();
        // The map underneath has no order; which entries fit should not depend on chance.
        entries.sort_unstable_by_key(|(key, _)| key.as_str());
        let mut room = Room::new();
        for (key, (value, _)) in entries {
            let name = format!("{BAGGAGE_PREFIX}{key}");
            let value = encode_baggage_value(value.as_str());
            if room.takes(&name, &value) {
                injector.set(&name, value);
            }
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let header = extractor.get(HEADER).map(str::as_bytes);
        let cx = match header.map(UberTraceId::parse) {
            Some(Ok(caller)) => Caller {
                trace_id: caller.trace_id,
                span_id: caller.span_id,
                sampled: caller.is_sampled(),
                debug: caller.is_debug(),
            }
            .extracted(cx),
            _ => cx.clone(),
        };
        let received = baggage(extractor);
        if received.is_empty() {
            return cx;
        }
        let earlier: Vec<_> = cx
            .baggage()
            .iter()
            .map(|(key, (value, metadata))| {
                KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
            })
            .collect();
        cx.with_baggage(earlier.into_iter().chain(received))
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

/// The entries of the `uberctx-*` headers, as far as there is room for them.
fn baggage(extractor: &dyn Extractor) -> Vec<KeyValueMetadata> {
    let mut room = Room::new();
    let mut entries = Vec::new();
    for name in extractor.keys() {
        let Some((prefix, key)) = name.split_at_checked(BAGGAGE_PREFIX.len()) else {
            continue;
        };
        if key.is_empty() || !prefix.eq_ignore_ascii_case(BAGGAGE_PREFIX) {
            continue;
        }
        let Some(value) = extractor.get(name) else {
            continue;
        };
        // Before anything is decoded.
        if !room.takes(name, value) {
            continue;
        }
        if let Some(value) = parse_baggage_value(value.as_bytes()) {
            entries.push(KeyValueMetadata::new(
                Key::from(key.to_ascii_lowercase()),
                StringValue::from(value.into_owned()),
                "",
            ));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::{Headers, described};
    use opentelemetry::KeyValue;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn extract(lines: &[(&str, &str)]) -> Context {
        Jaeger.extract_with_context(&Context::new(), &Headers::new(lines))
    }

    #[test]
    fn there_and_back() {
        for (flags, sampled) in [("0", false), ("1", true), ("3", true)] {
            let line = format!("{TRACE}:{SPAN}:0:{flags}");
            for received in [line.clone(), line.replace(':', "%3A")] {
                let cx = extract(&[(HEADER, &received)]);
                assert_eq!(described(&cx), format!("{TRACE} {SPAN} {sampled}"));
                assert_eq!(
                    Headers::sent(&Jaeger, &cx).lines(),
                    [format!("{HEADER}: {line}")]
                );
            }
        }
        let short = extract(&[(HEADER, "e0e4736:7:0:1")]);
        assert_eq!(
            described(&short),
            format!("{:0>32} {:0>16} true", "e0e4736", "7")
        );
    }

    #[test]
    fn no_trace() {
        for line in ["", ":::", "%", "1:2:3", "0:1:0:1", "1:0:0:1", "é"] {
            assert_eq!(described(&extract(&[(HEADER, line)])), "none", "{line}");
        }
    }

    #[test]
    fn baggage_there_and_back() {
        let cx = extract(&[
            ("uberctx-tenant", "acme%20corp"),
            ("uberctx-", "x"),
            ("uberctx-bare", "%"),
        ]);
        assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "acme corp");
        assert_eq!(
            Headers::sent(&Jaeger, &cx).lines(),
            ["uberctx-bare: %25", "uberctx-tenant: acme%20corp"]
        );
    }

    #[test]
    fn baggage_is_added_to_that_found_before() {
        let before =
            Context::new().with_baggage([KeyValue::new("a", "1"), KeyValue::new("b", "1")]);
        let headers = Headers::new(&[("uberctx-b", "2")]);
        let cx = Jaeger.extract_with_context(&before, &headers);
        assert_eq!(cx.baggage().get("a").unwrap().as_str(), "1");
        assert_eq!(cx.baggage().get("b").unwrap().as_str(), "2");
    }

    #[test]
    fn baggage_is_bounded() {
        let lines: Vec<_> = (0..100)
            .map(|number| (format!("uberctx-k{number}"), "v".to_owned()))
            .collect();
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(extract(&lines).baggage().len(), 64);

        let long = "v".repeat(5000);
        let cx = extract(&[
            ("uberctx-a", &long),
            ("uberctx-b", &long),
            ("uberctx-c", "1"),
        ]);
        assert_eq!(
            cx.baggage().len(),
            2,
            "one of the long ones, and the short one"
        );

        // It is the bytes as sent that count.
        let encoded = "%20".repeat(2000);
        let cx = extract(&[("uberctx-a", &encoded), ("uberctx-b", &encoded)]);
        assert_eq!(cx.baggage().len(), 1);

        // What was decoded may be longer when encoded again.
        let wide = Context::new().with_baggage([
            KeyValue::new("a", " ".repeat(3000)),
            KeyValue::new("b", "1"),
        ]);
        assert_eq!(Headers::sent(&Jaeger, &wide).lines(), ["uberctx-b: 1"]);
    }
}
