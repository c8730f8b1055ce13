//! Samplers: they decide from a trace's first span whether the trace is recorded.
//!
//! | sampler | decides by |
//! |---|---|
//! | [`Rules`] | kind, name, route, method and other attributes that a span starts with |
//! | [`RateLimited`] | how many spans per second were already sampled |
#![cfg_attr(
    feature = "jaeger-remote-sampler",
    doc = "| [`JaegerRemote`] | what a Jaeger collector says, asked again every minute |"
)]
//!
//! Each decides about a single span, without looking at its parent. In a service that others call,
//! this would break traces apart, so each has a `parent_based()`: a span with a parent then follows
//! its parent's decision, and only a trace's first span is decided here.
//!
//! ```
//! use lianlu_sdk::sampling::{RateLimited, Rules, Spans};
//!
//! // Health checks never, deletes always, at most ten new traces a second of the rest.
//! let sampler = Rules::new()
//!     .never(Spans::health_checks())
//!     .always(Spans::any().method("DELETE"))
//!     .otherwise(RateLimited::new(10.0))
//!     .parent_based();
//! # let _ = opentelemetry_sdk::trace::SdkTracerProvider::builder().with_sampler(sampler).build();
//! ```

mod glob;
mod rate_limited;
#[cfg(feature = "jaeger-remote-sampler")]
mod remote;
mod rules;
mod sampler;
mod spans;

use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceState};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

pub use rate_limited::RateLimited;
#[cfg(feature = "jaeger-remote-sampler")]
#[cfg_attr(docsrs, doc(cfg(feature = "jaeger-remote-sampler")))]
pub use remote::{JaegerRemote, RemoteSampler, RemoteSamplerError};
pub use rules::Rules;
pub use sampler::{EarlySampler, Sampler};
pub use spans::Spans;

/// A decision without attributes, with the parent's trace state.
fn sampling_result(sampled: bool, parent: Option<&Context>) -> SamplingResult {
    SamplingResult {
        decision: if sampled {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        },
        attributes: Vec::new(),
        trace_state: parent.map_or_else(TraceState::default, |parent| {
            parent.span().span_context().trace_state().clone()
        }),
    }
}
