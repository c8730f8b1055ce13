//! How a trace travels: propagators, and their carriers over HTTP headers and gRPC metadata.
//!
//! | propagator | headers |
//! |---|---|
//! | [`ServiceName`] | `x-md-service-name`, the caller's name for itself, as Kratos sends it |
//! | [`Baggage`] | `baggage`, [W3C Baggage](https://www.w3.org/TR/baggage/) |
//! | [`TraceContext`] | `traceparent`, `tracestate`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/) |
//! | [`B3`] | `b3` or `x-b3-*`, [Zipkin's format](https://github.com/openzipkin/b3-propagation) |
//! | [`Jaeger`] | `uber-trace-id`, `uberctx-*`, Jaeger's before it took W3C's |
//! | [`XRay`] | `x-amzn-trace-id`, AWS X-Ray's |
//!
//! The first three, in this order, are the layers' default; the variable `OTEL_PROPAGATORS` replaces
//! them ([`default_propagator`]). In code, [`from_names`] makes one of several. A header that would be
//! empty is never written; one that is there already is replaced.

mod again;
mod b3;
mod baggage;
mod by_name;
mod caller;
mod carrier;
mod global;
mod incoming;
mod jaeger;
mod level2;
mod remote;
mod service_name;
#[cfg(test)]
mod testing;
mod trace_context;
mod xray;

pub use b3::B3;
pub use baggage::Baggage;
pub use by_name::{UnknownPropagator, from_env, from_names};
pub use carrier::{HeaderExtractor, HeaderInjector};
pub use jaeger::Jaeger;
pub use service_name::{CallerService, ServiceName};
pub use trace_context::TraceContext;
pub use xray::XRay;

pub(crate) use caller::CallerSpan;
pub(crate) use carrier::remove_formats;
pub(crate) use global::GlobalPropagator;
pub(crate) use incoming::{Incoming, read as read_incoming};
pub(crate) use level2::Level2;
#[cfg(feature = "pipeline")]
pub(crate) use service_name::set_service_name;

use opentelemetry::propagation::TextMapCompositePropagator;

/// What the layers use by default: what `OTEL_PROPAGATORS` lists ([`from_env`]), and where it is not
/// set the service's name, baggage and trace context, in Kratos's order.
///
/// With the variable set, nothing else is sent: `x-md-service-name` only if it lists `servicename`,
/// also where a layer was told [`with_service_name`](crate::TraceLayer::with_service_name).
///
/// ```
/// use opentelemetry::propagation::TextMapPropagator;
///
/// # if std::env::var_os("OTEL_PROPAGATORS").is_some() { return; }
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
    choose(service_name).0
}

/// The propagator, and whether it is that of the three defaults, which [`Incoming`] reads faster.
pub(crate) fn choose(service_name: ServiceName) -> (TextMapCompositePropagator, bool) {
    match by_name::from_env_for(&service_name) {
        Some(told) => (told, false),
        None => {
            let three = TextMapCompositePropagator::new(vec![
                Box::new(service_name),
                Box::new(Baggage::new()),
                Box::new(TraceContext::new()),
            ]);
            (three, true)
        }
    }
}
