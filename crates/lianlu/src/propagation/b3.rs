//! Zipkin's B3 format.

use std::sync::LazyLock;

use lianlu_wire::b3::{self, B3Ids, B3Lines, Sampling};
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::span_fields::SpanFields;

pub(super) const SINGLE: &str = "b3";
pub(super) const TRACE_ID: &str = "x-b3-traceid";
pub(super) const SPAN_ID: &str = "x-b3-spanid";
pub(super) const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
pub(super) const SAMPLED: &str = "x-b3-sampled";
pub(super) const FLAGS: &str = "x-b3-flags";

/// All headers of the format.
pub(super) const ALL: [&str; 6] = [SINGLE, TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS];

/// Injects and extracts Zipkin's [B3](https://github.com/openzipkin/b3-propagation), as
/// [OpenTelemetry](https://opentelemetry.io/docs/specs/otel/context/api-propagators/#b3-requirements)
/// specifies it.
///
/// Extracts `b3` or, if that is absent or malformed, the `x-b3-*` headers. Injects the single `b3`
/// header, or the `x-b3-*` headers if created by [`multi`](Self::multi). The debug flag is
/// propagated to the next hop.
///
/// A malformed header leaves the context unchanged, and so does a sampling decision without ids
/// (`b3: 0`). A trace without a decision counts as not sampled, which a parent-based sampler
/// follows.
///
/// ```
/// use lianlu::propagation::B3;
/// use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
///
/// let carrier = std::collections::HashMap::from([(
///     "b3".to_owned(),
///     "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1".to_owned(),
/// )]);
/// let cx = B3::new().extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "e457b5a2e4d86bd1");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct B3 {
    multi: bool,
}

impl B3 {
    /// A propagator that injects `b3`.
    #[must_use]
    pub fn new() -> Self {
        Self { multi: false }
    }

    /// A propagator that injects `x-b3-traceid`, `x-b3-spanid` and `x-b3-sampled` or, for debug,
    /// `x-b3-flags`.
    #[must_use]
    pub fn multi() -> Self {
        Self { multi: true }
    }
}

impl TextMapPropagator for B3 {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let Some(span) = SpanFields::from_context(cx) else {
            return;
        };
        let b3 = b3::B3 {
            ids: Some(B3Ids {
                trace_id: span.trace_id,
                span_id: span.span_id,
                // OpenTelemetry's specification forbids injecting it.
                parent_span_id: None,
            }),
            sampling: match (span.debug, span.sampled) {
                (true, _) => Sampling::Debug,
                (false, true) => Sampling::Accept,
                (false, false) => Sampling::Deny,
            },
        };
        let line = b3.encode();
        if !self.multi {
            injector.set(SINGLE, line);
            return;
        }
        let mut fields = line.split('-').map(str::to_owned);
        injector.set(TRACE_ID, fields.next().unwrap_or_default());
        injector.set(SPAN_ID, fields.next().unwrap_or_default());
        if span.debug {
            injector.set(FLAGS, "1".to_owned());
        } else {
            injector.set(SAMPLED, fields.next().unwrap_or_default());
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let line = |name| extractor.get(name).map(str::as_bytes);
        let single = line(SINGLE).and_then(|value| b3::B3::parse(value).ok());
        let found = single.or_else(|| {
            let lines = B3Lines {
                trace_id: line(TRACE_ID),
                span_id: line(SPAN_ID),
                parent_span_id: line(PARENT_SPAN_ID),
                sampled: line(SAMPLED),
                flags: line(FLAGS),
            };
            lines.parse().ok()
        });
        let Some(b3::B3 {
            ids: Some(ids),
            sampling,
        }) = found
        else {
            return cx.clone();
        };
        SpanFields {
            trace_id: ids.trace_id,
            span_id: ids.span_id,
            sampled: sampling == Sampling::Accept,
            debug: sampling == Sampling::Debug,
        }
        .into_context(cx)
    }

    fn fields(&self) -> FieldIter<'_> {
        static SINGLE_FIELD: LazyLock<[String; 1]> = LazyLock::new(|| [SINGLE.to_owned()]);
        static MULTI_FIELDS: LazyLock<[String; 4]> =
            LazyLock::new(|| [TRACE_ID, SPAN_ID, SAMPLED, FLAGS].map(str::to_owned));
        if self.multi {
            FieldIter::new(&*MULTI_FIELDS)
        } else {
            FieldIter::new(&*SINGLE_FIELD)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::{Headers, described};

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    #[test]
    fn round_trips_single_and_multi_headers() {
        for decision in ["0", "1", "d"] {
            let line = format!("{TRACE}-{SPAN}-{decision}");
            let cx =
                B3::new().extract_with_context(&Context::new(), &Headers::new(&[("b3", &line)]));
            let sampled = decision != "0";
            assert_eq!(described(&cx), format!("{TRACE} {SPAN} {sampled}"));
            let single = Headers::injected(&B3::new(), &cx);
            assert_eq!(single.lines(), [format!("b3: {line}")]);
            let multi = Headers::injected(&B3::multi(), &cx);
            let decision = match decision {
                "d" => "x-b3-flags: 1".to_owned(),
                _ => format!("x-b3-sampled: {decision}"),
            };
            assert_eq!(
                multi.lines(),
                [
                    decision,
                    format!("x-b3-spanid: {SPAN}"),
                    format!("x-b3-traceid: {TRACE}")
                ]
            );
            // Each extracts what the other injects.
            let back = B3::new().extract_with_context(&Context::new(), &multi);
            assert_eq!(Headers::injected(&B3::new(), &back).lines(), single.lines());
            let back = B3::multi().extract_with_context(&Context::new(), &single);
            assert_eq!(
                Headers::injected(&B3::multi(), &back).lines(),
                multi.lines()
            );
        }
    }

    #[test]
    fn pads_a_short_trace_id_with_zeros() {
        let short = &TRACE[16..];
        let headers = Headers::new(&[
            ("x-b3-traceid", short),
            ("x-b3-spanid", SPAN),
            ("x-b3-sampled", "true"),
        ]);
        let cx = B3::new().extract_with_context(&Context::new(), &headers);
        assert_eq!(described(&cx), format!("{short:0>32} {SPAN} true"));
    }

    #[test]
    fn prefers_a_valid_single_header_over_multi_headers() {
        let other = "05e3ac9a4f6e3b90";
        for (line, span) in [
            (format!("{TRACE}-{SPAN}-1"), SPAN),
            ("nonsense".to_owned(), other),
        ] {
            let headers = Headers::new(&[
                ("b3", &line),
                ("x-b3-traceid", TRACE),
                ("x-b3-spanid", other),
                ("x-b3-sampled", "1"),
            ]);
            let cx = B3::new().extract_with_context(&Context::new(), &headers);
            assert_eq!(described(&cx), format!("{TRACE} {span} true"), "{line}");
        }
    }

    /// Each writes its own headers, in any order, and removes those of an earlier hop.
    #[test]
    fn single_and_multi_headers_are_written_side_by_side() {
        use opentelemetry::propagation::TextMapCompositePropagator;
        let (single, multi) = (B3::new(), B3::multi());
        let line = format!("{TRACE}-{SPAN}-0");
        let cx = single.extract_with_context(&Context::new(), &Headers::new(&[("b3", &line)]));
        let mut all = Headers::injected(&multi, &cx).lines();
        for (both, expected) in [
            (vec![single], vec![format!("b3: {line}")]),
            (vec![multi], all.clone()),
            (vec![single, multi], {
                all.insert(0, format!("b3: {line}"));
                all.clone()
            }),
            (vec![multi, single], all.clone()),
        ] {
            let both = both.into_iter().map(|it| Box::new(it) as _).collect();
            let both = TextMapCompositePropagator::new(both);
            let stale = ALL.map(|name| (name, "1"));
            let injected = Headers::new(&stale).with_injected(&both, &cx);
            assert_eq!(injected.lines(), expected);
            let plain = Headers::injected(&both, &cx);
            assert_eq!(plain.lines(), expected);
        }
    }

    #[test]
    fn other_carriers_get_no_empty_fields() {
        let line = format!("{TRACE}-{SPAN}-d");
        let cx = B3::new().extract_with_context(&Context::new(), &Headers::new(&[("b3", &line)]));
        let mut carrier = std::collections::HashMap::new();
        B3::multi().inject_context(&cx, &mut carrier);
        assert_eq!(carrier.len(), 3, "{carrier:?}");
    }

    #[test]
    fn ignores_a_decision_without_ids_and_malformed_headers() {
        for line in [
            "0",
            "1",
            "d",
            "",
            "%",
            "é",
            "-",
            &format!("{TRACE}-{SPAN}-1-x"),
        ] {
            let cx =
                B3::new().extract_with_context(&Context::new(), &Headers::new(&[("b3", line)]));
            assert_eq!(described(&cx), "none", "{line}");
            assert!(Headers::injected(&B3::new(), &cx).lines().is_empty());
        }
    }
}
