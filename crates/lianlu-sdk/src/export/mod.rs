//! Exporters: the trait, and the implementations for each format.

pub(crate) mod batch;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "jaeger")]
pub mod jaeger;
#[cfg(any(feature = "jaeger", feature = "zipkin"))]
mod non_otlp;
#[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
pub mod otlp;
pub(crate) mod transport;
#[cfg(any(feature = "console", feature = "jaeger", feature = "zipkin"))]
mod value;
#[cfg(feature = "zipkin")]
pub mod zipkin;

use std::borrow::Cow;
use std::time::Duration;

pub use batch::{Batch, ScopeSpans};
pub use transport::endpoint::check_endpoint;
#[doc(hidden)]
pub use transport::secrets::EndpointText;

/// Sends ended spans out of the process. Called on the pipeline's own thread, one call at a time;
/// may block until its own timeout.
pub trait Export: Send + 'static {
    /// Sends a batch, in one attempt.
    ///
    /// # Errors
    ///
    /// [`Failure::temporary`] if nothing was accepted and the same batch may be sent again: the
    /// pipeline retries it with growing delays. [`Failure::new`] otherwise, with the number of lost
    /// spans and the reason. Zero lost spans mean a warning: a message from the collector about
    /// spans that it accepted.
    fn export(&mut self, batch: &Batch) -> Result<(), Failure>;

    /// The name of the destination, without secrets. It appears in counts; the flight recorder uses
    /// it after a restart to find what this destination has already received.
    fn destination(&self) -> String {
        String::new()
    }

    /// What this exporter is and where it sends, for the metrics about it.
    fn component(&self) -> Component {
        Component::new(std::any::type_name::<Self>())
    }

    /// The most bytes that [`Batch::request_len`] should have. The pipeline makes smaller batches,
    /// except for a single larger span.
    fn max_request_size(&self) -> usize {
        usize::MAX
    }

    /// Called when all spans that have been handed over are exported, and at intervals of the schedule
    /// delay while nothing waits, for exporters with buffers of their own.
    fn idle(&mut self) {}

    /// Called at the end of a flush, after all spans that had ended before the flush were exported,
    /// and at the end of a shutdown. Under load, newer spans may be waiting.
    fn flush(&mut self) {}
}

impl Export for Box<dyn Export> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        (**self).export(batch)
    }

    fn destination(&self) -> String {
        (**self).destination()
    }

    fn component(&self) -> Component {
        (**self).component()
    }

    fn max_request_size(&self) -> usize {
        (**self).max_request_size()
    }

    fn idle(&mut self) {
        (**self).idle();
    }

    fn flush(&mut self) {
        (**self).flush();
    }
}

/// An exporter, as the [metrics about it](https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/)
/// name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Component {
    /// `otel.component.type`, such as `otlp_grpc_span_exporter`.
    pub kind: Cow<'static, str>,
    /// `server.address` and `server.port`, if it sends to a server.
    pub server: Option<(String, u16)>,
}

impl Component {
    /// An exporter of this `otel.component.type`.
    pub fn new(kind: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind: kind.into(),
            server: None,
        }
    }

    /// Sets the server's host (an IPv6 address without brackets) and port.
    #[must_use]
    pub fn with_server(mut self, host: impl Into<String>, port: u16) -> Self {
        self.server = Some((host.into(), port));
        self
    }
}

/// The failure of one export call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct Failure {
    /// Number of lost spans of the batch; 0 if it may be retried.
    pub lost: usize,
    /// The reason, for messages.
    pub reason: String,
    /// Set if nothing was accepted and the same batch may be sent again.
    pub retry: Option<Retry>,
    /// The class of the failure, for metrics (`error.type`): a status, `timeout`, `rejected`. If it
    /// is empty, `_OTHER`.
    pub error_type: Cow<'static, str>,
}

/// When a batch may be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retry {
    /// The delay requested by the collector. The pipeline limits it.
    pub after: Option<Duration>,
}

impl Failure {
    /// `lost` spans of a batch are lost for this reason. Zero means a warning.
    pub fn new(lost: usize, reason: impl Into<String>) -> Self {
        Self {
            lost,
            reason: reason.into(),
            retry: None,
            error_type: Cow::Borrowed(""),
        }
    }

    /// Nothing was accepted, for a temporary reason: the pipeline keeps the batch and retries it.
    pub fn temporary(reason: impl Into<String>) -> Self {
        Self {
            lost: 0,
            reason: reason.into(),
            retry: Some(Retry::default()),
            error_type: Cow::Borrowed(""),
        }
    }

    /// Sets the class of the failure, of which there must be few.
    #[must_use]
    pub fn with_error_type(mut self, error_type: impl Into<Cow<'static, str>>) -> Self {
        self.error_type = error_type.into();
        self
    }

    /// Sets the delay requested by the collector.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.retry = Some(Retry { after: Some(delay) });
        self
    }
}
