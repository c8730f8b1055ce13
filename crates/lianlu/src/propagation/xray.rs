//! The header format of AWS X-Ray.

use std::sync::LazyLock;

use lianlu_wire::xray;
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::span_fields::SpanFields;

const HEADER: &str = "x-amzn-trace-id";

/// Injects and extracts AWS X-Ray's `X-Amzn-Trace-Id`, see [its
/// manual](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
///
/// A malformed header leaves the context unchanged. So does a header without a parent span, as a
/// load balancer sends when it starts a trace: OpenTelemetry has no parent without a span. A trace
/// without a decision counts as not sampled, which a parent-based sampler follows.
///
/// ```
/// use lianlu::propagation::XRay;
/// use opentelemetry::{Context, propagation::TextMapPropagator, trace::TraceContextExt};
///
/// let carrier = std::collections::HashMap::from([(
///     "x-amzn-trace-id".to_owned(),
///     "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
/// )]);
/// let cx = XRay::new().extract_with_context(&Context::new(), &carrier);
/// assert_eq!(cx.span().span_context().span_id().to_string(), "53995c3f42cd8ad8");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct XRay;

impl XRay {
    /// The propagator.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl TextMapPropagator for XRay {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        if let Some(span) = SpanFields::from_context(cx) {
            let header = xray::XRay {
                trace_id: span.trace_id,
                parent_id: Some(span.span_id),
                sampled: Some(span.sampled),
            };
            injector.set(HEADER, header.encode());
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let header = extractor.get(HEADER).map(str::as_bytes);
        match header.map(xray::XRay::parse) {
            Some(Ok(xray::XRay {
                trace_id,
                parent_id: Some(span_id),
                sampled,
            })) => SpanFields {
                trace_id,
                span_id,
                sampled: sampled == Some(true),
                debug: false,
            }
            .into_context(cx),
            _ => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: LazyLock<[String; 1]> = LazyLock::new(|| [HEADER.to_owned()]);
        FieldIter::new(&*FIELDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::{Headers, described};

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
    const PARENT: &str = "Parent=53995c3f42cd8ad8";

    #[test]
    fn round_trips_ids_and_decision() {
        for (line, sampled) in [
            (format!("{ROOT};{PARENT};Sampled=1"), true),
            (format!("{ROOT};{PARENT};Sampled=0"), false),
        ] {
            let headers = Headers::new(&[(HEADER, &line)]);
            let cx = XRay.extract_with_context(&Context::new(), &headers);
            assert_eq!(
                described(&cx),
                format!("5759e988bd862e3fe1be46a994272793 53995c3f42cd8ad8 {sampled}")
            );
            assert_eq!(
                Headers::injected(&XRay, &cx).lines(),
                [format!("{HEADER}: {line}")]
            );
        }
        let undecided = Headers::new(&[(HEADER, &format!("Sampled=?; {PARENT}; {ROOT}"))]);
        let cx = XRay.extract_with_context(&Context::new(), &undecided);
        assert!(described(&cx).ends_with(" false"));
    }

    #[test]
    fn ignores_headers_without_a_parent_and_malformed_ones() {
        for line in [
            "",
            "Root",
            ROOT,
            PARENT,
            "é",
            &format!("{ROOT};Parent=0;Sampled=1"),
        ] {
            let headers = Headers::new(&[(HEADER, line)]);
            let cx = XRay.extract_with_context(&Context::new(), &headers);
            assert_eq!(described(&cx), "none", "{line}");
        }
    }
}
