//! What the layers' three default propagators read, read in one pass.
//!
//! The same as the propagators one after the other, without a context for each: where the request has nothing but a
//! `traceparent`, nothing is allocated.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};

use super::caller::CallerSpan;
use super::level2::Level2;
use super::service_name::CallerService;
use super::{baggage, service_name, trace_context};
use crate::known_headers::KnownHeaders;

/// What a caller has sent besides its span.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    level2: Option<Level2>,
    baggage: Option<Vec<KeyValueMetadata>>,
    caller: Option<CallerService>,
}

/// The caller's span, if there is a usable one, and the rest, if there is any.
#[inline]
pub(crate) fn read(
    scan: &KnownHeaders<'_>,
    headers: &HeaderMap,
) -> (Option<CallerSpan>, Option<Box<Incoming>>) {
    let (span, level2) = trace_context::read(scan, headers);
    if level2.is_none() && scan.baggage.first.is_none() && scan.service_name.is_none() {
        return (span, None);
    }
    let has_baggage = scan.baggage.first.is_some();
    let incoming = Incoming {
        level2: level2.map(|level2| *level2),
        baggage: has_baggage.then(|| baggage::read(&scan.baggage, headers)),
        caller: scan.service_name.and_then(service_name::read),
    };
    (span, Some(Box::new(incoming)))
}

impl Incoming {
    /// `context` with all of it. `for_sdk`: with the marks that the SDK's spans have no room for.
    pub(crate) fn values(self, mut context: Context, for_sdk: bool) -> Context {
        if let Some(caller) = self.caller {
            context = context.with_value(caller);
        }
        if let Some(baggage) = self.baggage {
            context = context.with_baggage(baggage);
        }
        if let Some(level2) = self.level2.filter(|level2| for_sdk || level2.has_state()) {
            context = context.with_value(level2);
        }
        context
    }
}
