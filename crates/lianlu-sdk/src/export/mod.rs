//! Exporters: what the pipeline asks of one, and those of each format.

pub(crate) mod batch;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "jaeger")]
pub mod jaeger;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub mod otlp;
pub(crate) mod transport;
#[cfg(any(feature = "console", feature = "jaeger", feature = "zipkin"))]
mod value;
#[cfg(feature = "zipkin")]
pub mod zipkin;

use std::time::Duration;

pub use batch::{Batch, ScopeSpans};
pub use transport::endpoint::check_endpoint;

/// Takes finished spans out of the process. Runs on the pipeline's own thread, one call at a time,
/// and may block there for as long as its own time-out allows.
pub trait Export: Send + 'static {
    /// Delivers a batch, in one attempt.
    ///
    /// # Errors
    ///
    /// [`Failure::temporary`] where nothing was taken and the same batch may be sent again: the pipeline does that,
    /// with growing delays. [`Failure::new`] otherwise: how many of the batch's spans are lost, and why. None lost is
    /// a warning: what the collector has to say about spans that it took.
    fn export(&mut self, batch: &Batch) -> Result<(), Failure>;

    /// Names the destination, without secrets: in counts, and for the flight recorder, which knows by it after a restart
    /// what this destination has got already.
    fn destination(&self) -> String {
        String::new()
    }

    /// Called when nothing waits, at intervals of the schedule delay: for exporters that hold
    /// something back themselves.
    fn idle(&mut self) {}

    /// Called at the end of a flush, after everything that had ended when it was asked for was exported, and of a shutdown.
    /// Under load more is waiting.
    fn flush(&mut self) {}
}

impl Export for Box<dyn Export> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        (**self).export(batch)
    }

    fn destination(&self) -> String {
        (**self).destination()
    }

    fn idle(&mut self) {
        (**self).idle();
    }

    fn flush(&mut self) {
        (**self).flush();
    }
}

/// How one call of an exporter failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Failure {
    /// How many spans of the batch are lost; 0 where it may be sent again.
    pub lost: usize,
    /// Why, for people.
    pub reason: String,
    /// Set where the collector has taken nothing and the same batch may be sent again.
    pub retry: Option<Retry>,
}

/// When a batch may be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// Not before this time has passed, says the collector. The pipeline caps it.
    pub after: Option<Duration>,
}

impl Failure {
    /// `lost` spans of a batch are gone, for this reason. None lost is a warning.
    pub fn new(lost: usize, reason: impl Into<String>) -> Self {
        Self {
            lost,
            reason: reason.into(),
            retry: None,
        }
    }

    /// Nothing was taken, for a reason that may pass: the pipeline keeps the batch and sends it again.
    pub fn temporary(reason: impl Into<String>) -> Self {
        Self {
            lost: 0,
            reason: reason.into(),
            retry: Some(Retry::default()),
        }
    }

    /// The collector has said when to come back.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.retry = Some(Retry { after: Some(delay) });
        self
    }
}
