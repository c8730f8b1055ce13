//! The context that a call begins in.

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
#[cfg(feature = "pipeline")]
use opentelemetry::trace::TraceState;
use opentelemetry::trace::{Link, SpanContext, TraceContextExt, TraceFlags};

use crate::ids;
use crate::propagation::{CallerService, HeaderExtractor, RemoteParent};
use crate::request::RequestHead;
use crate::scan::Scan;
use crate::trace::options::Options;

/// The context that a call begins in.
pub(super) struct Parent {
    /// The current one, with what the caller has sent but for what stands below.
    pub(super) base: Context,
    /// The caller, where it was read faster than propagators read it.
    pub(super) remote: RemoteParent,
    /// A caller that is linked and not believed.
    pub(super) link: Option<Box<Link>>,
}

impl Parent {
    pub(super) fn new(base: Context) -> Self {
        Self {
            base,
            remote: RemoteParent::default(),
            link: None,
        }
    }

    #[inline]
    pub(super) fn of_server(options: &Options, head: &RequestHead<'_>, scan: &Scan<'_>) -> Self {
        let mut parent = Self::new(Context::current());
        let is_public = options.public.as_ref();
        let is_public = is_public.is_some_and(|is_public| is_public(head));
        if options.is_default_propagator && !is_public {
            parent.remote = RemoteParent::read(scan, head.headers());
            return parent;
        }
        let headers = HeaderExtractor(head.headers());
        let extracted = options
            .propagator
            .extract_with_context(&parent.base, &headers);
        if !is_public {
            return Self::new(extracted);
        }
        let caller = extracted.span().span_context().clone();
        let is_remote = caller.is_valid() && caller.is_remote();
        parent.base = without_trace(&parent.base, &extracted);
        parent.link = is_remote.then(|| Box::new(Link::with_context(caller)));
        parent
    }

    /// The context but for the caller's span.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(super) fn base(&mut self, for_sdk: bool) -> Context {
        let base = std::mem::take(&mut self.base);
        self.remote.move_values(base, for_sdk)
    }

    /// The call's parent, if it has one. `state` is what a caller's span had.
    #[cfg(feature = "pipeline")]
    pub(super) fn span(&self, state: TraceState) -> SpanContext {
        match &self.remote.span {
            Some(caller) => {
                SpanContext::new(caller.trace_id, caller.span_id, caller.flags, true, state)
            }
            None => self.base.span().span_context().clone(),
        }
    }

    /// All of it as a context, for whoever knows nothing but the API.
    pub(super) fn context(&mut self) -> Context {
        let base = std::mem::take(&mut self.base);
        std::mem::take(&mut self.remote).into_context(base, true)
    }
}

/// What a stranger has sent, but for the trace. Not `with_remote_span_context` of an empty one: samplers
/// take that for a parent who was not sampled.
fn without_trace(current: &Context, extracted: &Context) -> Context {
    let baggage = extracted.baggage();
    let baggage = baggage.iter().map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    let context = current.with_baggage(baggage);
    match extracted.get::<CallerService>() {
        Some(caller) => context.with_value(caller.clone()),
        None => context,
    }
}

/// A span that is not recorded, in the trace of the parent or in one of its own.
pub(super) fn unsampled_span(span: &SpanContext) -> SpanContext {
    let (trace_id, flags, state) = if span.is_valid() {
        let flags = span.trace_flags() & !TraceFlags::SAMPLED;
        (span.trace_id(), flags, span.trace_state().clone())
    } else {
        (
            ids::random_trace_id(),
            TraceFlags::default(),
            Default::default(),
        )
    };
    SpanContext::new(trace_id, ids::random_span_id(), flags, false, state)
}
