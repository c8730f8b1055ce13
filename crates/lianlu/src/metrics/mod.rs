//! The metrics of the layers, through OpenTelemetry's meter API.
//!
//! | metric | unit | when |
//! |---|---|---|
//! | `http.server.request.duration`, `http.client.request.duration` | s | always |
//! | `rpc.server.call.duration`, `rpc.client.call.duration` | s | always |
//! | `http.server.active_requests`, `http.client.active_requests` | {request} | `Metrics::active_requests` |
//! | `http.{server,client}.{request,response}.body.size` | By | `Metrics::body_sizes` |
//! | `http.server.duration`, `rpc.client.duration` and so on | ms | with the old conventions |
//!
//! A duration equals that of the call's span, and has the same `error.type`. It is recorded while
//! the span's context is current, for meter providers that support exemplars.

mod instruments;
mod record;
mod source;

pub(crate) use instruments::Meters;
pub(crate) use record::{ActiveRequest, record};
pub use source::set_meter_provider;
pub(crate) use source::{MeterSource, Provider};
