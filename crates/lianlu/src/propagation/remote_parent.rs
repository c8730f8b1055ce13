//! The caller of a request, read in one pass over the headers.
//!
//! [`RemoteParent::read`] extracts the same as the three default propagators one after the other,
//! but without a context for each. It allocates nothing if the request has only a `traceparent`.

use http::HeaderMap;
use lianlu_wire::w3c::TraceParent;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

use super::level2::Level2;
use super::{baggage, service_name, trace_context};
use crate::known_headers::KnownHeaders;

/// The caller of a request.
#[derive(Debug, Default)]
pub(crate) struct RemoteParent {
    /// The caller's span, if the request has a valid one.
    pub(crate) span: Option<RemoteSpan>,
    /// The parts of Level 2 that the span cannot represent.
    pub(super) level2: Option<Box<Level2>>,
}

/// The caller's span.
///
/// Unlike a [`SpanContext`] it can be taken apart, so that its `state` moves into the new span
/// without a copy.
#[derive(Debug)]
pub(crate) struct RemoteSpan {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) flags: TraceFlags,
    pub(crate) state: TraceState,
}

impl RemoteParent {
    /// Reads the headers that the default propagators extract. The values beside the span go into
    /// `base`.
    #[inline]
    pub(crate) fn read(
        &mut self,
        base: &mut Context,
        known: &KnownHeaders<'_>,
        headers: &HeaderMap,
    ) {
        // Without a valid `traceparent` there is no span.
        let _ = trace_context::read(known, headers, self);
        if known.baggage.first.is_some() || known.service_name.is_some() {
            read_values(base, known, headers);
        }
    }

    /// Moves the parts of Level 2 into `base`. With `for_sdk`, these include what a span of the SDK
    /// cannot represent but one of our own provider can.
    #[inline]
    pub(crate) fn move_level2(&mut self, base: &mut Context, for_sdk: bool) {
        if self.level2.is_some() {
            self.move_some_level2(base, for_sdk);
        }
    }

    #[cold]
    fn move_some_level2(&mut self, base: &mut Context, for_sdk: bool) {
        let level2 = self.level2.take();
        if let Some(level2) = level2.filter(|level2| for_sdk || level2.has_state()) {
            *base = base.with_value(*level2);
        }
    }

    /// Moves everything into `base`: the caller's span becomes the remote parent.
    pub(crate) fn move_into(&mut self, base: &mut Context) {
        self.move_level2(base, true);
        if let Some(span) = self.span.take() {
            *base = base.with_remote_span_context(span.into_context());
        }
    }
}

#[inline(never)]
fn read_values(base: &mut Context, known: &KnownHeaders<'_>, headers: &HeaderMap) {
    if let Some(service) = known.service_name.and_then(service_name::read) {
        *base = base.with_value(service);
    }
    // Also without a valid member.
    if known.baggage.first.is_some() {
        *base = base.with_baggage(baggage::read(&known.baggage, headers));
    }
}

impl RemoteSpan {
    #[inline]
    pub(super) fn new(parent: &TraceParent) -> Self {
        Self {
            trace_id: TraceId::from_bytes(parent.trace_id),
            span_id: SpanId::from_bytes(parent.parent_id),
            flags: TraceFlags::new(parent.flags),
            state: TraceState::NONE,
        }
    }

    pub(crate) fn into_context(self) -> SpanContext {
        SpanContext::new(self.trace_id, self.span_id, self.flags, true, self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propagation::testing::{Headers, described};
    use crate::propagation::{Baggage, CallerService, ServiceName, TraceContext};
    use opentelemetry::KeyValue;
    use opentelemetry::propagation::TextMapCompositePropagator;
    use opentelemetry::propagation::TextMapPropagator;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const RANDOM: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02";

    /// The span, the headers for the next hop, and the caller's service name.
    fn content(cx: &Context) -> (String, Vec<String>, Option<CallerService>) {
        let propagator = TextMapCompositePropagator::new(vec![
            Box::new(Baggage::new()),
            Box::new(TraceContext::new()),
        ]);
        let injected = Headers::injected(&propagator, cx).lines();
        (described(cx), injected, cx.get::<CallerService>().cloned())
    }

    #[test]
    fn equals_the_default_propagators() {
        let defaults = TextMapCompositePropagator::new(vec![
            Box::new(ServiceName::new("shop")),
            Box::new(Baggage::new()),
            Box::new(TraceContext::new()),
        ]);
        let base = Context::new().with_baggage([KeyValue::new("base", "1")]);
        for lines in [
            &[][..],
            &[("traceparent", VALID)],
            &[("traceparent", RANDOM)],
            &[("traceparent", VALID), ("traceparent", VALID)],
            &[("traceparent", "x"), ("tracestate", "a=1")],
            &[("traceparent", VALID), ("tracestate", "a=1,b=2")],
            &[("traceparent", RANDOM), ("tracestate", "a=1,b=2")],
            &[("traceparent", VALID), ("tracestate", "a=1,é=2")],
            &[("traceparent", VALID), ("tracestate", "=")],
            &[("traceparent", VALID), ("tracestate", "")],
            &[("traceparent", VALID), ("tracestate", "a=1,a@b@c=2")],
            &[
                ("traceparent", VALID),
                ("tracestate", "a=1"),
                ("tracestate", "é=2"),
                ("tracestate", "b=2,a=3"),
            ],
            &[("baggage", "tenant=acme"), ("x-md-service-name", "till")],
            &[("baggage", "%"), ("traceparent", RANDOM)],
            &[("baggage", "a=1"), ("baggage", "b=2")],
            &[("x-md-service-name", "é")],
        ] {
            let headers = Headers::new(lines);
            let expected = content(&defaults.extract_with_context(&base, &headers));
            // A header value is cached from its second occurrence on.
            for _ in 0..3 {
                let (mut remote, mut cx) = (RemoteParent::default(), base.clone());
                remote.read(&mut cx, &KnownHeaders::of(headers.map()), headers.map());
                remote.move_into(&mut cx);
                assert_eq!(content(&cx), expected, "{lines:?}");
            }
        }
    }
}
