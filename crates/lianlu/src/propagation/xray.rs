//! AWS X-Ray.

use std::sync::LazyLock;

use lianlu_wire::xray;
use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use super::remote::Caller;

const HEADER: &str = "x-amzn-trace-id";

/// Sends and reads AWS X-Ray's `X-Amzn-Trace-Id`, see
/// [its manual](https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader).
///
/// What is malformed leaves the trace that was found before. So does a header without a caller's span,
/// as a load balancer sends that begins a trace: OpenTelemetry has no parent without a span. A trace
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
        if let Some(caller) = Caller::of(cx) {
            let header = xray::XRay {
                trace_id: caller.trace_id,
                parent_id: Some(caller.span_id),
                sampled: Some(caller.sampled),
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
            })) => Caller {
                trace_id,
                span_id,
                sampled: sampled == Some(true),
                debug: false,
            }
            .extracted(cx),
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
    fn there_and_back() {
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
                Headers::sent(&XRay, &cx).lines(),
                [format!("{HEADER}: {line}")]
            );
        }
        let undecided = Headers::new(&[(HEADER, &format!("Sampled=?; {PARENT}; {ROOT}"))]);
        let cx = XRay.extract_with_context(&Context::new(), &undecided);
        assert!(described(&cx).ends_with(" false"));
    }

    #[test]
    fn no_trace() {
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
