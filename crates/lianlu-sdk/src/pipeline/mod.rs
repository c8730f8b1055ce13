//! The pipeline: takes ended spans from the request path to the exporters, on threads of its own.

mod backoff;
mod budget;
mod component;
mod counts;
mod destination;
mod event;
mod handle;
mod health;
mod item;
mod lane;
mod lanes;
mod launch;
mod limits;
mod metrics;
#[cfg(all(test, lianlu_shuttle))]
mod model;
mod processor;
mod recover;
mod run;
mod shared;
mod starts;
mod worker;

pub use counts::{DestinationCounts, DropCounts, SpanCounts};
pub use event::PipelineEvent;
pub(crate) use event::{Listener, announce, to_stderr};
pub use handle::Handle;
pub use health::Health;
pub(crate) use launch::Launch;
pub use limits::Limits;
pub use processor::Processor;
pub use recover::{Recovery, recover};
pub(crate) use shared::Shared;
pub(crate) use starts::{Counted, Sampled};
