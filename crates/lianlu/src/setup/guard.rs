//! The handle of a running pipeline.

use std::time::Duration;

use lianlu_sdk::{FlushError, Handle, Health, SpanCounts, TracerProvider};

/// How long [`Guard::flush`], [`Guard::shutdown`] and the drop wait.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Holds a pipeline open. Dropping it flushes and stops the pipeline.
///
/// Every method is a plain call: none needs a runtime, and a blocking one blocks its caller only.
/// In async code that shares its thread with a collector, use `spawn_blocking`.
#[derive(Debug)]
#[must_use = "dropping the guard stops the pipeline: bind it to a name that lives as long as the program"]
pub struct Guard {
    provider: TracerProvider,
    service_name: Option<String>,
    #[cfg(feature = "jaeger-remote-sampler")]
    remote: Option<lianlu_sdk::sampling::RemoteSampler>,
    /// Set by a shutdown, whose time-out is not waited for a second time in the drop.
    is_shut_down: bool,
}

impl Guard {
    pub(super) fn new(provider: TracerProvider, service_name: Option<String>) -> Self {
        Self {
            provider,
            service_name,
            #[cfg(feature = "jaeger-remote-sampler")]
            remote: None,
            is_shut_down: false,
        }
    }

    /// The provider may live on elsewhere; a sampler that asks a collector ends with the guard.
    #[cfg(feature = "jaeger-remote-sampler")]
    pub(super) fn stops(&mut self, remote: lianlu_sdk::sampling::RemoteSampler) {
        self.remote = Some(remote);
    }

    /// Waits until every span that has ended is exported, for 10 seconds at most.
    ///
    /// # Errors
    ///
    /// When the time is over first, or spans were lost meanwhile; the error has the number.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.flush_timeout(TIMEOUT)
    }

    /// As [`flush`](Self::flush), for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn flush_timeout(&self, timeout: Duration) -> Result<(), FlushError> {
        self.provider.flush(timeout)
    }

    /// Flushes and stops the pipeline, within 10 seconds. Spans that end later are not recorded.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown(self) -> Result<(), FlushError> {
        self.shutdown_timeout(TIMEOUT)
    }

    /// As [`shutdown`](Self::shutdown), for `timeout` at most.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Result<(), FlushError> {
        self.stop(timeout)
    }

    fn stop(&mut self, timeout: Duration) -> Result<(), FlushError> {
        self.is_shut_down = true;
        #[cfg(feature = "jaeger-remote-sampler")]
        if let Some(remote) = &self.remote {
            remote.stop();
        }
        self.provider.shutdown(timeout)
    }

    /// Where every span is: `started = open + waiting + exported + dropped`.
    #[must_use]
    pub fn counts(&self) -> SpanCounts {
        self.provider.handle().counts()
    }

    /// Whether spans arrive, for a readiness probe.
    #[must_use]
    pub fn health(&self) -> Health {
        self.provider.handle().health()
    }

    /// Reaches the pipeline from elsewhere, and after the guard is gone: for the last counts.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.provider.handle()
    }

    /// The provider whose spans go through this pipeline.
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
            // What fails is counted, and was announced.
            let _ = self.stop(TIMEOUT);
        }
    }
}
