//! The response headers with the trace's id, for servers.

use http::{HeaderMap, HeaderName, HeaderValue};
use lianlu_wire::w3c::{TRACEPARENT_BYTES, TraceParent};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;

use crate::propagation::Level2;

const TRACERESPONSE: HeaderName = HeaderName::from_static("traceresponse");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// The headers that a server adds.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseHeaders {
    /// `traceresponse`, in the format of `traceparent`.
    pub(crate) traceresponse: bool,
    /// `Server-Timing: trace;desc=…`, which browsers show to scripts, with the same value. It is
    /// added to metrics that the service writes itself.
    pub(crate) server_timing: bool,
    /// The trace's id under this name.
    pub(crate) trace_id: Option<HeaderName>,
}

impl ResponseHeaders {
    pub(crate) fn is_any(&self) -> bool {
        self.traceresponse || self.server_timing || self.trace_id.is_some()
    }

    pub(crate) fn write(&self, context: &Context, headers: &mut HeaderMap) {
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        if self.traceresponse || self.server_timing {
            let child = TraceParent {
                trace_id: span.trace_id().to_bytes(),
                parent_id: span.span_id().to_bytes(),
                flags: span.trace_flags().to_u8() | Level2::flags(context, span),
            };
            let mut buffer = [0; TRACEPARENT_BYTES];
            let text = child.encode_into(&mut buffer);
            if self.traceresponse
                && let Ok(value) = HeaderValue::from_str(text)
            {
                headers.insert(TRACERESPONSE, value);
            }
            if self.server_timing
                && let Ok(value) = HeaderValue::try_from(format!("trace;desc={text}"))
            {
                headers.append(SERVER_TIMING, value);
            }
        }
        if let Some(name) = &self.trace_id
            && let Ok(value) = HeaderValue::try_from(span.trace_id().to_string())
        {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    #[test]
    fn server_timing_is_added_to_the_services_own() {
        let ids = (TraceId::from(1), SpanId::from(2));
        let span = SpanContext::new(ids.0, ids.1, TraceFlags::SAMPLED, true, TraceState::NONE);
        let cx = Context::new().with_remote_span_context(span);
        let mut headers = HeaderMap::new();
        headers.insert(SERVER_TIMING, HeaderValue::from_static("db;dur=53"));
        let added = ResponseHeaders {
            server_timing: true,
            ..ResponseHeaders::default()
        };
        assert!(added.is_any() && !ResponseHeaders::default().is_any());
        added.write(&Context::new(), &mut headers);
        added.write(&cx, &mut headers);
        let trace = format!("trace;desc=00-{:032x}-{:016x}-01", 1, 2);
        let lines: Vec<_> = headers.get_all(SERVER_TIMING).iter().collect();
        assert_eq!(lines, ["db;dur=53", &trace]);
        assert_eq!(headers.len(), 2);
    }
}
