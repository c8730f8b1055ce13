//! The way of a finished span from the request's path to the exporter, and the thread that exports.

mod counts;
mod handle;
mod lane;
mod lanes;
mod limits;
mod notice;
mod processor;
mod run;
mod shared;
mod worker;

pub use counts::{Drops, SpanCounts};
pub use handle::Handle;
pub use limits::Limits;
pub use notice::Notice;
pub(crate) use notice::{Listener, to_stderr};
pub use processor::Processor;
pub(crate) use processor::launch;
pub(crate) use shared::Shared;
