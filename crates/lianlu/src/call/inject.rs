//! The context in the headers of a client's request.

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, global};

use super::options::Options;
use crate::propagation::{self, HeaderInjector};

/// Writes the context into a request's headers, or removes a context that is there, if it must not leave.
#[inline]
pub(crate) fn inject(
    options: &Options,
    context: &Context,
    may_propagate: bool,
    headers: &mut HeaderMap,
) {
    if may_propagate {
        options
            .propagator
            .inject_context(context, &mut HeaderInjector(headers));
        return;
    }
    let mut remove = |propagator: &dyn TextMapPropagator| {
        for field in propagator.fields() {
            headers.remove(field);
        }
    };
    if options.is_global_propagator {
        // The fields of the propagator that is set now.
        global::get_text_map_propagator(remove);
    } else {
        remove(&*options.propagator);
    }
    propagation::remove_formats(headers);
}
