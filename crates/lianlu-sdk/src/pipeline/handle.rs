//! Flush, shutdown and counts from outside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;

use super::counts::SpanCounts;
use super::limits::Limits;
use super::shared::Shared;
use crate::error::FlushError;

/// Reaches a running pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// The handle of a pipeline that never ran: nothing to flush, nothing counted.
    #[must_use]
    pub fn stopped() -> Self {
        let shared = Shared::new(Limits::default(), Arc::new(|_| {}));
        shared.stopped();
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
        }
    }

    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    pub(crate) fn set_resource(&self, resource: &Resource) {
        self.shared.set_resource(resource);
    }

    /// Blocks until every span that has ended is exported, for `timeout` at most. Callable from any
    /// thread, with or without a runtime: the work is done on the pipeline's own.
    ///
    /// # Errors
    ///
    /// When the time is over first, or spans were lost meanwhile.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.flush(timeout)
    }

    /// Flushes, and stops the pipeline's thread. Spans that end later are dropped and counted. A
    /// second call does nothing.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.shut_down(timeout)
    }

    /// Where every span is.
    #[must_use]
    pub fn counts(&self) -> SpanCounts {
        self.shared.counts()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("limits", &self.shared.limits)
            .field("counts", &self.counts())
            .finish()
    }
}
