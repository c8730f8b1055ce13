//! The handle of a running pipeline.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use lianlu_sdk::{FlushError, Handle, Health, PipelineEvent, SpanCounts, TracerProvider};

use super::Listener;

/// Timeout of [`Guard::flush`].
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of [`Guard::shutdown`] and of the drop: a service whose collector is away ends soon.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Keeps a pipeline running. Dropping it flushes and stops the pipeline.
///
/// What a shutdown or the drop does not deliver is reported to the
/// [loss listener](crate::setup::Pipeline::with_loss_listener), or on standard error. It is no reason
/// for a program to fail: `let _ = guard.shutdown()`.
///
/// The methods need no async runtime. `flush` and `shutdown` block the calling thread; in async
/// code that runs on the same thread as a collector, call them with `spawn_blocking`.
#[must_use = "dropping the guard stops the pipeline: bind it to a name that lives as long as the program"]
pub struct Guard {
    provider: TracerProvider,
    service_name: Option<String>,
    listener: Option<Listener>,
    #[cfg(feature = "jaeger-remote-sampler")]
    remote: Option<lianlu_sdk::sampling::RemoteSampler>,
    /// True after a shutdown, so that the drop does not wait for the timeout again.
    is_shut_down: bool,
}

impl Guard {
    pub(super) fn new(
        provider: TracerProvider,
        service_name: Option<String>,
        listener: Option<Listener>,
    ) -> Self {
        Self {
            provider,
            service_name,
            listener,
            #[cfg(feature = "jaeger-remote-sampler")]
            remote: None,
            is_shut_down: false,
        }
    }

    /// Sets the remote sampler to stop with the guard; clones of the provider may live longer.
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(super) fn set_remote_sampler(&mut self, remote: lianlu_sdk::sampling::RemoteSampler) {
        self.remote = Some(remote);
    }

    /// Waits up to 10 seconds until all ended spans are exported.
    ///
    /// # Errors
    ///
    /// On a timeout, or if spans were lost meanwhile; the error has their number.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.flush_timeout(FLUSH_TIMEOUT)
    }

    /// Like [`flush`](Self::flush), with a timeout.
    ///
    /// # Errors
    ///
    /// See [`flush`](Self::flush).
    pub fn flush_timeout(&self, timeout: Duration) -> Result<(), FlushError> {
        self.provider.flush(timeout)
    }

    /// Flushes and stops the pipeline, within 3 seconds. Spans that end later are not recorded.
    ///
    /// # Errors
    ///
    /// See [`flush`](Self::flush).
    pub fn shutdown(self) -> Result<(), FlushError> {
        self.shutdown_timeout(SHUTDOWN_TIMEOUT)
    }

    /// Like [`shutdown`](Self::shutdown), with a timeout.
    ///
    /// # Errors
    ///
    /// See [`flush`](Self::flush).
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Result<(), FlushError> {
        self.stop(timeout)
    }

    fn stop(&mut self, timeout: Duration) -> Result<(), FlushError> {
        self.is_shut_down = true;
        #[cfg(feature = "jaeger-remote-sampler")]
        if let Some(remote) = &self.remote {
            remote.stop();
        }
        let result = self.provider.shutdown(timeout);
        if let Err(error) = &result {
            let event = PipelineEvent::ShutdownIncomplete(error.clone());
            match &self.listener {
                Some(listener) => {
                    let _ = catch_unwind(AssertUnwindSafe(|| listener(&event)));
                }
                None => crate::warning::warn(&event.to_string()),
            }
        }
        result
    }

    /// The number of spans in each state: `started = open + waiting + exported + dropped`.
    #[must_use]
    pub fn counts(&self) -> SpanCounts {
        self.provider.handle().counts()
    }

    /// Whether spans are being exported successfully, for a readiness probe.
    #[must_use]
    pub fn health(&self) -> Health {
        self.provider.handle().health()
    }

    /// A handle to the pipeline that can be used elsewhere, and after the guard is dropped, for
    /// example to read the final counts.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.provider.handle()
    }

    /// The tracer provider of this pipeline.
    #[must_use]
    pub fn tracer_provider(&self) -> &TracerProvider {
        &self.provider
    }

    /// The `service.name` of the pipeline's resource.
    #[must_use]
    pub fn service_name(&self) -> Option<&str> {
        self.service_name.as_deref()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_shut_down {
            let _ = self.stop(SHUTDOWN_TIMEOUT);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("provider", &self.provider)
            .field("service_name", &self.service_name)
            .finish_non_exhaustive()
    }
}
