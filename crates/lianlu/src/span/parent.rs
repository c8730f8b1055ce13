//! The context in which a call starts.

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanContext, TraceContextExt};

use crate::known_headers::KnownHeaders;
use crate::propagation::{CallerService, HeaderExtractor, RemoteParent};
use crate::request::RequestHead;

/// The context in which a call starts.
#[derive(Debug)]
pub(crate) struct Parent {
    /// The current context with what the caller has sent, except for what is in `remote`.
    pub(crate) base: Context,
    /// The caller, if it was read without a propagator.
    pub(super) remote: RemoteParent,
    /// The caller, if its trace is linked instead of trusted as the parent.
    pub(crate) link: Option<Box<Link>>,
}

impl Parent {
    pub(crate) fn new(base: Context) -> Self {
        Self {
            base,
            remote: RemoteParent::default(),
            link: None,
        }
    }

    /// Reads the headers of the three default propagators in one pass.
    #[inline]
    pub(crate) fn of_default_headers(head: &RequestHead<'_>, headers: &KnownHeaders<'_>) -> Self {
        Self {
            base: Context::current(),
            remote: RemoteParent::read(headers, head.headers()),
            link: None,
        }
    }

    /// Reads the headers with a propagator. `is_public`: the caller's trace is linked instead of
    /// continued.
    pub(crate) fn of_propagator(
        propagator: &dyn TextMapPropagator,
        head: &RequestHead<'_>,
        is_public: bool,
    ) -> Self {
        let current = Context::current();
        let headers = HeaderExtractor::new(head.headers());
        let extracted = propagator.extract_with_context(&current, &headers);
        if !is_public {
            return Self::new(extracted);
        }
        let caller = extracted.span().span_context().clone();
        let is_remote = caller.is_valid() && caller.is_remote();
        Self {
            link: is_remote.then(|| Box::new(Link::with_context(caller))),
            ..Self::new(without_trace(&current, &extracted))
        }
    }

    /// The context without the caller's span. `for_sdk`: also carries marks that spans of
    /// `opentelemetry_sdk` cannot hold.
    #[inline]
    pub(super) fn base(&mut self, for_sdk: bool) -> Context {
        let base = std::mem::take(&mut self.base);
        self.remote.move_values(base, for_sdk)
    }

    /// The call's parent span; invalid if there is none.
    pub(super) fn span_context(&self) -> SpanContext {
        match &self.remote.span {
            Some(caller) => {
                let state = caller.state.clone();
                SpanContext::new(caller.trace_id, caller.span_id, caller.flags, true, state)
            }
            None => self.base.span().span_context().clone(),
        }
    }

    /// The complete context, for code that uses only the API.
    pub(crate) fn context(&mut self) -> Context {
        let base = std::mem::take(&mut self.base);
        std::mem::take(&mut self.remote).into_context(base, true)
    }
}

/// What an untrusted caller has sent, without its trace. `with_remote_span_context` of an empty
/// span context would not do: samplers take it for a parent that was not sampled.
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
