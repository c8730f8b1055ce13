//! The response headers with the trace's id, for servers.

use http::{HeaderMap, HeaderName, HeaderValue};
use lianlu_wire::w3c::{TRACEPARENT_BYTES, TraceParent};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use crate::propagation::Level2;

const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");

/// The headers that a server adds.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseHeaders {
    pub(crate) traceresponse: bool,
    pub(crate) trace_id: Option<HeaderName>,
}

impl ResponseHeaders {
    pub(crate) fn is_any(&self) -> bool {
        self.traceresponse || self.trace_id.is_some()
    }

    pub(crate) fn write(&self, context: &Context, headers: &mut HeaderMap) {
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        if self.traceresponse {
            let child = TraceParent {
                trace_id: span.trace_id().to_bytes(),
                parent_id: span.span_id().to_bytes(),
                flags: span.trace_flags().to_u8() | Level2::flags(context, span),
            };
            let mut buffer = [0; TRACEPARENT_BYTES];
            if let Ok(value) = HeaderValue::from_str(child.encode_into(&mut buffer)) {
                headers.insert(TRACERESPONSE, value);
            }
        }
        if let Some(name) = &self.trace_id
            && let Ok(value) = HeaderValue::try_from(span.trace_id().to_string())
        {
            headers.insert(name, value);
        }
    }
}
