//! The context in which a call starts.

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, TraceContextExt};

use crate::propagation::{CallerService, HeaderExtractor, RemoteParent, end_of_list};
use crate::request::RequestHead;

/// The context in which a call starts.
#[derive(Debug)]
pub(crate) struct Parent {
    /// The current context with what the caller has sent, except for what is in `remote`.
    pub(crate) base: Context,
    /// The caller, if it was read without a propagator.
    pub(crate) remote: RemoteParent,
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

    /// Reads the headers with a propagator. `is_public`: the caller's trace is linked instead of
    /// continued.
    #[cold]
    pub(crate) fn of_propagator(
        current: &Context,
        propagator: &dyn TextMapPropagator,
        head: &RequestHead<'_>,
        is_public: bool,
    ) -> Self {
        let headers = HeaderExtractor::new(head.headers());
        let extracted = end_of_list(propagator.extract_with_context(current, &headers));
        if !is_public {
            return Self::new(extracted);
        }
        let caller = extracted.span().span_context().clone();
        let is_remote = caller.is_valid() && caller.is_remote();
        Self {
            link: is_remote.then(|| Box::new(Link::with_context(caller))),
            ..Self::new(without_trace(current, &extracted))
        }
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
