//! What the layers' three default propagators read, read in one pass.
//!
//! The same as the propagators one after the other, without a context for each: where the request has nothing but a
//! `traceparent`, nothing is allocated.

use http::HeaderMap;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, baggage::KeyValueMetadata};

use super::level2::Level2;
use super::service_name::CallerService;
use super::{baggage, service_name, trace_context};
use crate::scan::Scan;

/// What a caller has sent.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// The caller's span, if there is a usable one.
    pub(crate) span: Option<SpanContext>,
    level2: Option<Level2>,
    baggage: Vec<KeyValueMetadata>,
    has_baggage: bool,
    caller: Option<CallerService>,
}

impl Incoming {
    #[inline]
    pub(crate) fn read(scan: &Scan<'_>, headers: &HeaderMap) -> Self {
        let (span, level2) = match trace_context::read(scan, headers) {
            Some((span, level2)) => (Some(span), level2),
            None => (None, None),
        };
        let has_baggage = scan.baggage.first.is_some();
        Self {
            span,
            level2,
            baggage: if has_baggage {
                baggage::read(headers)
            } else {
                Vec::new()
            },
            has_baggage,
            caller: scan.service_name.first.and_then(service_name::read),
        }
    }

    /// `context` with all but the caller's span. `for_sdk`: with the marks that the SDK's spans have no room for.
    #[inline]
    pub(crate) fn values(&mut self, mut context: Context, for_sdk: bool) -> Context {
        if let Some(caller) = self.caller.take() {
            context = context.with_value(caller);
        }
        if self.has_baggage {
            context = context.with_baggage(std::mem::take(&mut self.baggage));
        }
        let level2 = self.level2.as_ref();
        if let Some(level2) = level2.filter(|level2| for_sdk || level2.has_state()) {
            context = context.with_value(level2.clone());
        }
        context
    }

    /// `context` with the caller's span as the current one.
    pub(crate) fn with_span(&mut self, context: Context) -> Context {
        match self.span.take() {
            Some(span) => context.with_remote_span_context(span),
            None => context,
        }
    }
}
