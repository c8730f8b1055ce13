//! Context propagation: propagators, and carriers for HTTP headers and gRPC metadata.
//!
//! | propagator | headers |
//! |---|---|
//! | [`ServiceName`] | `x-md-service-name`, the caller's service name, as Kratos sends it |
//! | [`Baggage`] | `baggage`, [W3C Baggage](https://www.w3.org/TR/baggage/) |
//! | [`TraceContext`] | `traceparent`, `tracestate`, [W3C Trace Context](https://www.w3.org/TR/trace-context-2/) |
//! | [`B3`] | `b3` or `x-b3-*`, [Zipkin's format](https://github.com/openzipkin/b3-propagation) |
//! | [`Jaeger`] | `uber-trace-id`, `uberctx-*`, the format of older Jaeger clients |
//! | [`XRay`] | `x-amzn-trace-id`, the format of AWS X-Ray |
//!
//! The first three, in this order, are the layers' default, but a name is not sent to every host;
//! the variable `OTEL_PROPAGATORS` replaces them ([`default_propagator`]). In code, [`from_names`] combines several. An empty
//! header is never written; an existing header is replaced.
//!
//! The layers do this for HTTP and gRPC. For everything else there are [`inject`] and [`extract`]
//! (messages, maps), [`inject_env`] and [`extract_env`] (child processes). `install()` of a pipeline
//! also sets OpenTelemetry's global propagator, for libraries that use it, if there is none yet.

mod b3;
mod baggage;
mod by_name;
mod carrier;
mod default;
mod environment;
mod global;
mod jaeger;
mod level2;
mod message;
mod parse_cache;
mod remote_parent;
mod service_name;
mod span_fields;
#[cfg(test)]
mod testing;
mod trace_context;
mod xray;

pub use b3::B3;
pub use baggage::Baggage;
pub use by_name::{UnknownPropagator, from_env, from_names};
pub use carrier::{HeaderExtractor, HeaderInjector};
pub use default::{DefaultPropagator, default_propagator};
pub use environment::{Environment, extract_env, inject_env};
pub use global::GlobalPropagator;
pub use jaeger::Jaeger;
pub use message::{Fields, extract, inject};
pub use service_name::{CallerService, ServiceName};
pub use trace_context::TraceContext;
pub use xray::XRay;

pub(crate) use baggage::end_of_list;
pub(crate) use carrier::remove_formats;
pub(crate) use default::PropagatorKind;
#[cfg(feature = "pipeline")]
pub(crate) use global::set_global_propagator;
pub(crate) use level2::Level2;
pub(crate) use remote_parent::RemoteParent;
#[cfg(feature = "pipeline")]
pub(crate) use service_name::set_service_name;
