//! The way of a finished span from the request's path to the exporters, and the threads that export.

mod backoff;
mod counts;
mod destination;
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
mod notice;
mod processor;
mod recover;
mod room;
mod run;
mod shared;
mod worker;

pub use counts::{DestinationCounts, DropCounts, SpanCounts};
pub use handle::Handle;
pub use health::Health;
pub(crate) use launch::Launch;
pub use limits::Limits;
pub use notice::PipelineEvent;
pub(crate) use notice::{Listener, announce, to_stderr};
pub use processor::Processor;
pub use recover::{Recovery, recover};
pub(crate) use shared::Shared;
