//! How variables of the environment are read, and what is said of one that can't be used.
//!
//! A [`TracerProvider`](crate::TracerProvider) asks where its builder was told nothing, and lianlu's pipelines where they
//! are. The variables are those of the
//! [specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). One that is empty
//! counts as not set. Made for lianlu's pipelines; it changes with them.

mod limits;
mod reader;
mod sampler;

pub use limits::{span_limits, value_length};
pub use reader::{Reader, Warning};
pub use sampler::{SAMPLER_ARGUMENT, parse_ratio, refuse_sampler, sampler};
