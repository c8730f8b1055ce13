//! The header format of older Jaeger clients.

use std::sync::LazyLock;

use lianlu_wire::jaeger_header::{
    BAGGAGE_PREFIX, UberTraceId, encode_baggage_value, parse_baggage_value,
};
use lianlu_wire::w3c::{BAGGAGE_MAX_BYTES, BAGGAGE_MAX_MEMBERS};
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::{Context, Key, StringValue};

use super::baggage::{ExtractedBaggage, add, end_of_list};
use super::span_fields::SpanFields;

const HEADER: &str = "uber-trace-id";

/// Injects and extracts `uber-trace-id` and `uberctx-*`, the headers of [older Jaeger
/// clients](https://www.jaegertracing.io/docs/1.21/client-libraries/#propagation-format).
///
/// Each baggage entry has its own header, `uberctx-tenant: acme%20corp`. As in W3C Baggage, the
/// limit is 64 entries and 8,192 bytes in total; entries beyond that are dropped, and only the first 128
/// are looked at. Header names are
/// case-insensitive, so keys arrive in lower case. Extracted entries are added to the existing
/// baggage.
///
/// A malformed `uber-trace-id` leaves the context's trace unchanged. The debug flag is propagated
/// to the next hop.
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

/// The remaining limits of the baggage.
struct Budget {
    bytes: usize,
    entries: usize,
}

impl Budget {
    fn new() -> Self {
        Self {
            bytes: BAGGAGE_MAX_BYTES,
            entries: BAGGAGE_MAX_MEMBERS,
        }
    }

    /// Deducts a header with this name and value. Returns false if it does not fit.
    fn try_take(&mut self, name: &str, value: &str) -> bool {
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
        if let Some(span) = SpanFields::from_context(cx) {
            let sampled = if span.sampled {
                UberTraceId::SAMPLED
            } else {
                0
            };
            let debug = if span.debug { UberTraceId::DEBUG } else { 0 };
            let header = UberTraceId {
                trace_id: span.trace_id,
                span_id: span.span_id,
                flags: sampled | debug,
            };
            injector.set(HEADER, header.encode());
        }
        let baggage = cx.baggage();
        let mut entries: Vec<_> = baggage.iter().collect();
        // The map is unordered; which entries fit should be deterministic.
        entries.sort_unstable_by_key(|(key, _)| key.as_str());
        let mut budget = Budget::new();
        for (key, (value, _)) in entries {
            let name = format!("{BAGGAGE_PREFIX}{key}");
            let value = encode_baggage_value(value.as_str());
            if budget.try_take(&name, &value) {
                injector.set(&name, value);
            }
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let header = extractor.get(HEADER).map(str::as_bytes);
        let cx = match header.map(UberTraceId::parse) {
            Some(Ok(header)) => SpanFields {
                trace_id: header.trace_id,
                span_id: header.span_id,
                sampled: header.is_sampled(),
                debug: header.is_debug(),
            }
            .into_context(cx),
            _ => cx.clone(),
        };
        let extracted = baggage(extractor);
        if extracted.is_empty() {
            return end_of_list(cx);
        }
        add(&cx, extracted).with_value(ExtractedBaggage(true))
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

/// The most `uberctx-*` names that are looked up. A carrier may search through all of its fields
/// for each.
const MAX_LOOK_UPS: usize = 2 * BAGGAGE_MAX_MEMBERS;

/// The entries of the `uberctx-*` headers, within the limits.
fn baggage(extractor: &dyn Extractor) -> Vec<KeyValueMetadata> {
    let mut budget = Budget::new();
    let mut entries = Vec::new();
    let prefixed = |name| {
        let (prefix, key): (&str, &str) = str::split_at_checked(name, BAGGAGE_PREFIX.len())?;
        let is_entry = !key.is_empty() && prefix.eq_ignore_ascii_case(BAGGAGE_PREFIX);
        is_entry.then_some((name, key))
    };
    let names = extractor.keys().into_iter().filter_map(prefixed);
    for (name, key) in names.take(MAX_LOOK_UPS) {
        let Some(value) = extractor.get(name) else {
            continue;
        };
        // Checked before decoding, so that the work is bounded too.
        if !budget.try_take(name, value) {
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
    fn round_trips_ids_and_flags() {
        for (flags, sampled) in [("0", false), ("1", true), ("3", true)] {
            let line = format!("{TRACE}:{SPAN}:0:{flags}");
            for received in [line.clone(), line.replace(':', "%3A")] {
                let cx = extract(&[(HEADER, &received)]);
                assert_eq!(described(&cx), format!("{TRACE} {SPAN} {sampled}"));
                assert_eq!(
                    Headers::injected(&Jaeger, &cx).lines(),
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
    fn ignores_malformed_headers() {
        for line in ["", ":::", "%", "1:2:3", "0:1:0:1", "1:0:0:1", "é"] {
            assert_eq!(described(&extract(&[(HEADER, line)])), "none", "{line}");
        }
    }

    #[test]
    fn round_trips_baggage() {
        let cx = extract(&[
            ("uberctx-tenant", "acme%20corp"),
            ("uberctx-", "x"),
            ("uberctx-bare", "%"),
        ]);
        assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "acme corp");
        assert_eq!(
            Headers::injected(&Jaeger, &cx).lines(),
            ["uberctx-bare: %25", "uberctx-tenant: acme%20corp"]
        );
    }

    #[test]
    fn adds_to_existing_baggage() {
        let before =
            Context::new().with_baggage([KeyValue::new("a", "1"), KeyValue::new("b", "1")]);
        let headers = Headers::new(&[("uberctx-b", "2")]);
        let cx = Jaeger.extract_with_context(&before, &headers);
        assert_eq!(cx.baggage().get("a").unwrap().as_str(), "1");
        assert_eq!(cx.baggage().get("b").unwrap().as_str(), "2");
    }

    /// Fields that count how often they are searched.
    struct Counting(Vec<String>, std::cell::Cell<usize>);

    impl Extractor for Counting {
        fn get(&self, _: &str) -> Option<&str> {
            self.1.set(self.1.get() + 1);
            Some("v")
        }

        fn keys(&self) -> Vec<&str> {
            self.0.iter().map(String::as_str).collect()
        }
    }

    #[test]
    fn limits_the_look_ups() {
        for prefix in ["", "%"] {
            let names = (0..10_000).map(|number| format!("uberctx-{prefix}{number}"));
            let fields = Counting(names.collect(), 0.into());
            let cx = Jaeger.extract_with_context(&Context::new(), &fields);
            assert!(cx.baggage().len() <= 64);
            assert!(fields.1.get() <= 129, "{}", fields.1.get());
        }
    }

    #[test]
    fn limits_baggage() {
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
        assert_eq!(cx.baggage().len(), 2, "one long entry and the short one");

        // The limit applies to the encoded bytes.
        let encoded = "%20".repeat(2000);
        let cx = extract(&[("uberctx-a", &encoded), ("uberctx-b", &encoded)]);
        assert_eq!(cx.baggage().len(), 1);

        // Encoding can make an entry longer.
        let wide = Context::new().with_baggage([
            KeyValue::new("a", " ".repeat(3000)),
            KeyValue::new("b", "1"),
        ]);
        assert_eq!(Headers::injected(&Jaeger, &wide).lines(), ["uberctx-b: 1"]);
    }
}
