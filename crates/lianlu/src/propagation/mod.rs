//! How a trace travels: propagators, and their carriers over HTTP headers and gRPC metadata.
//!
//! | propagator | headers |
//! |---|---|
//! | [`ServiceName`] | `x-md-service-name`, the caller's name for itself, as Kratos sends it |
//! | [`Baggage`] | `baggage`, [W3C Baggage](https://www.w3.org/TR/baggage/) |
//! | [`TraceContext`] | `traceparent`, `tracestate`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/) |
//!
//! All three, in this order, are the layers' default. A header that would be empty is never written;
//! one that is there already is replaced.

mod baggage;
mod carrier;
mod global;
mod service_name;
mod trace_context;

pub use baggage::Baggage;
pub use carrier::{HeaderExtractor, HeaderInjector};
pub use service_name::{CallerService, ServiceName};
pub use trace_context::TraceContext;

pub(crate) use global::GlobalPropagator;
#[cfg(feature = "pipeline")]
pub(crate) use service_name::set_service_name;

use opentelemetry::propagation::TextMapCompositePropagator;

/// What the layers use by default: the service's name, baggage and trace context, in Kratos's order.
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
///
/// let propagator = lianlu::propagation::default_propagator();
/// let mut fields: Vec<_> = propagator.fields().collect();
/// fields.sort();
/// assert_eq!(fields, ["baggage", "traceparent", "tracestate", "x-md-service-name"]);
/// ```
#[must_use]
pub fn default_propagator() -> TextMapCompositePropagator {
    default_propagator_for(ServiceName::from_pipeline())
}

pub(crate) fn default_propagator_for(service_name: ServiceName) -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(service_name),
        Box::new(Baggage::new()),
        Box::new(TraceContext::new()),
    ])
}
