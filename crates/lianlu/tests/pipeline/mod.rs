//! Pipelines as lianlu sets them up: options, samplers and kept calls.

mod kept_calls;
mod options;
mod remote_sampler;
mod sampling_rules;
mod span_processors;
mod stalled_collector;
