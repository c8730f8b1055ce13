//! Injects the context into the headers of a client's request.

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, global};

use super::options::Options;
use crate::propagation::{self, HeaderInjector, PropagatorKind, ServiceName};

/// Writes the context into a request's headers. If the context must not leave, removes one that is
/// already there.
#[inline]
pub(crate) fn inject(
    options: &Options,
    context: &Context,
    may_propagate: bool,
    headers: &mut HeaderMap,
) {
    if may_propagate {
        if options.owns_name {
            // Also where no name is sent: a proxy may have copied the one of its own caller.
            ServiceName::remove(headers);
        }
        let mut injector = HeaderInjector::new(headers);
        options.propagator.inject_context(context, &mut injector);
        if options.sends_name {
            ServiceName::from_pipeline().inject_context(context, &mut injector);
        }
        return;
    }
    let mut remove = |propagator: &dyn TextMapPropagator| {
        for field in propagator.fields() {
            headers.remove(field);
        }
    };
    if options.propagator_kind == PropagatorKind::Global {
        // The fields of the propagator that is currently set.
        global::get_text_map_propagator(remove);
    } else {
        remove(&*options.propagator);
    }
    propagation::remove_formats(headers);
}
