//! The public handle: flush, shutdown and counts.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::Meter;
use opentelemetry_sdk::Resource;

use super::counts::{DestinationCounts, SpanCounts};
use super::health::Health;
use super::limits::Limits;
use super::metrics;
use super::shared::Shared;
use crate::encode::EncodedResource;
use crate::error::FlushError;
use crate::flight_recorder::RecoveryReport;

/// A handle to a running pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
    /// Whether the spans are started by this crate's provider.
    pub(super) is_sdk: bool,
}

impl Handle {
    /// The handle of a pipeline that never ran: no counts, and nothing to flush.
    #[must_use]
    pub fn stopped() -> Self {
        let shared = Shared::new(Limits::default(), Arc::new(|_| {}), []);
        shared.stopped(0);
        Self {
            shared: Arc::new(shared),
            is_sdk: false,
        }
    }

    pub(crate) fn of(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            is_sdk: true,
        }
    }

    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    pub(crate) fn set_resource(&self, resource: &Resource) {
        self.shared.set_resource(EncodedResource::new(resource));
    }

    /// Blocks until every span that has ended by now is exported, for `timeout` at most; later
    /// spans are not waited for. Callable from any thread, with or without an async runtime: the
    /// pipeline's own threads do the work.
    ///
    /// # Errors
    ///
    /// When the timeout elapses, or spans were lost during the flush.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.flush(timeout)
    }

    /// Flushes and stops the pipeline's threads. After `timeout`, waiting spans are sent once more;
    /// those that are not accepted are dropped and counted, or kept in the flight recorder for the
    /// next start. Spans that end later are dropped and counted. A second call does nothing.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.shut_down(timeout)
    }

    /// The counts of spans by state.
    #[must_use]
    pub fn counts(&self) -> SpanCounts {
        self.shared.counts()
    }

    /// The counts of each destination, in the order in which they were added.
    #[must_use]
    pub fn destinations(&self) -> Vec<DestinationCounts> {
        self.shared.destination_counts()
    }

    /// Whether spans arrive, for a readiness probe. Takes a lock or two and does no I/O.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::of(&self.shared)
    }

    /// Registers instruments for these counts, by the [conventions for
    /// SDKs](https://opentelemetry.io/docs/specs/semconv/otel/sdk-metrics/). Each destination has a
    /// span processor and an exporter, with names of their own. For each destination, sampled spans
    /// satisfy
    ///
    /// - `otel.sdk.span.started` = `otel.sdk.span.live` + `otel.sdk.processor.span.queue.size` +
    ///   `otel.sdk.processor.span.processed`, which counts spans when they are handed to the
    ///   exporter, and those that never are with an `error.type`;
    /// - successfully processed = `otel.sdk.exporter.span.inflight` +
    ///   `otel.sdk.exporter.span.exported`, which has an `error.type` for spans that were not
    ///   accepted.
    ///
    /// `started` also counts spans that are not sampled. A [`Processor`](crate::Processor) does not
    /// see those, so it leaves `otel.sdk.span.*` to the SDK. The duration of an export covers all
    /// its attempts. The instruments live as long as the meter's provider and do not keep the
    /// pipeline alive.
    pub fn register_metrics(&self, meter: &Meter) {
        metrics::register(&self.shared, meter, self.is_sdk);
    }

    /// What an earlier run had left in the flight recorder at the start of this one.
    #[must_use]
    pub fn found(&self) -> RecoveryReport {
        self.shared.recovery_report()
    }

    /// Calls that started while the flight recorder had no free slot for an open call. If the
    /// process had died, they would not have been recovered.
    #[must_use]
    pub fn unnoted_calls(&self) -> u64 {
        self.shared.unnoted()
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
