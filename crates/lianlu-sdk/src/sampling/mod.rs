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
//! | [`Sampler::Probability`] | the trace's randomness, and tells it to others |
//!
//! Each decides about a single span, without looking at its parent. In a service that others call,
//! this would break traces apart, so each has a `parent_based()`: a span with a parent then follows
//! its parent's decision, and only a trace's first span is decided here.
//!
//! # Probability
//!
//! [`Sampler::Probability`] and [`Sampler::composite`] sample [consistently]: `tracestate` tells
//! backends how many spans a sampled one stands for (`ot=th:…`), and the same traces are sampled by
//! services of different probabilities. The trace's explicit randomness (`rv`) is used and passed
//! on. Other samplers that do not follow the parent remove its `th`, because it would be wrong.
//!
//! | OpenTelemetry | here |
//! |---|---|
//! | `CompositeSampler` | [`Sampler::composite`] of the following |
//! | `ComposableAlwaysOn`, `ComposableAlwaysOff` | [`Sampler::AlwaysOn`], [`Sampler::AlwaysOff`] |
//! | `ComposableProbability` | [`Sampler::Probability`] |
//! | `ComposableParentThreshold` | [`Sampler::parent_based`] |
//! | `ComposableRuleBased` | [`Rules`]; [`otherwise`](Rules::otherwise) is `AlwaysOn` by default |
//! | `ComposableAnnotating` | [`Sampler::with_attributes`] |
//! | none: sampled without a known probability | [`RateLimited`] and all others |
//!
//! ```
//! use lianlu_sdk::sampling::{Rules, Sampler, Spans};
//!
//! // A tenth of all traces, and all that delete something.
//! let rules = Rules::new()
//!     .always(Spans::any().method("DELETE"))
//!     .otherwise(Sampler::Probability(0.1));
//! let sampler = rules.parent_based().composite();
//! # let _ = sampler;
//! ```
//!
//! [consistently]: https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
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
mod probability;
mod rate_limited;
#[cfg(feature = "jaeger-remote-sampler")]
mod remote;
mod rules;
mod sampler;
mod spans;

use lianlu_wire::w3c::with_threshold;
use opentelemetry::Context;
use opentelemetry::trace::{TraceContextExt, TraceState};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult};

// For configuration files.
#[doc(hidden)]
pub use glob::Glob;
pub use rate_limited::RateLimited;
#[cfg(feature = "jaeger-remote-sampler")]
#[cfg_attr(docsrs, doc(cfg(feature = "jaeger-remote-sampler")))]
pub use remote::{JaegerRemote, RemoteSampler, RemoteSamplerError};
pub use rules::Rules;
pub use sampler::{EarlySampler, Sampler};
pub use spans::Spans;

/// A decision of the sampler's own, which the threshold in the parent's trace state does not
/// describe.
fn sampling_result(sampled: bool, parent: Option<&Context>) -> SamplingResult {
    let state = with_threshold(parent_state(parent), None);
    result(sampled, state)
}

fn result(sampled: bool, trace_state: TraceState) -> SamplingResult {
    SamplingResult {
        decision: if sampled {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        },
        attributes: Vec::new(),
        trace_state,
    }
}

fn parent_state(parent: Option<&Context>) -> TraceState {
    parent.map_or_else(TraceState::default, |parent| {
        parent.span().span_context().trace_state().clone()
    })
}
