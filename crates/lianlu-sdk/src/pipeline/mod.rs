//! The queue between the request's path and the exporter, and the thread that empties it.

mod counts;
mod handle;
mod limits;
mod notice;
mod processor;
mod queue;
mod worker;

pub use counts::{Drops, SpanCounts};
pub use handle::Handle;
pub use limits::Limits;
pub use notice::Notice;
#[cfg(feature = "jaeger-remote-sampler")]
pub(crate) use notice::{Listener, to_stderr};
pub use processor::Processor;
