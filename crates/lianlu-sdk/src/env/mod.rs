//! Reads environment variables and collects warnings about unusable values.
//!
//! Used by [`TracerProvider`](crate::TracerProvider) for settings that its builder was not given,
//! and by lianlu's pipelines. The variables are those of the
//! [specification](https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
//! An empty variable counts as unset. Made for lianlu's pipelines; it changes with them.

mod limits;
mod percent;
mod reader;
mod resource;
mod sampler;

pub use limits::{pipeline_limits, span_limits, value_length};
pub use percent::decode;
#[cfg(any(feature = "otlp-grpc", feature = "http-client"))]
pub(crate) use reader::no_limit_if_zero;
pub(crate) use reader::unusable_config_file;
pub use reader::{CONFIG_FILE, Reader, Warning, config_file};
pub use resource::{decode_resource, resource, unknown_service};
pub use sampler::{SAMPLER_ARGUMENT, parse_ratio, refuse_sampler, sampler};
