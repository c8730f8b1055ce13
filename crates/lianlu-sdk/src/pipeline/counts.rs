//! Counts of spans by state.

use std::fmt;
use std::sync::Arc;

use super::component::{ExporterCounts, Names};

/// All sampled spans of the pipeline by state: `started = open + waiting + exported + dropped`.
///
/// With several destinations these are the counts of the destination that is furthest behind; for
/// the counts of each see [`Handle::destinations`](crate::Handle::destinations).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanCounts {
    /// Started since the pipeline was installed, plus the spans that an earlier run has left in the
    /// flight recorder.
    pub started: u64,
    /// Started but not ended.
    pub open: u64,
    /// Ended, and waiting for the exporter or being exported. After a shutdown: kept in the flight
    /// recorder for the next start.
    pub waiting: u64,
    /// Accepted by the collector.
    pub exported: u64,
    /// Lost, by reason.
    pub dropped: DropCounts,
    /// Number of started spans that come from an earlier run.
    pub recovered: u64,
    /// Number of ended spans that were written to the flight recorder's files, including exported
    /// ones: they survive the process at any durability level. 0 without a recorder.
    pub recorded: u64,
    /// Number of ended spans that have reached the flight recorder's
    /// [`Durability`](crate::Durability) level, including exported ones. 0 without a recorder.
    pub durable: u64,
}

/// The counts of one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationCounts {
    /// The exporter's name for the destination.
    pub name: String,
    /// The counts of spans for this destination.
    pub counts: SpanCounts,
    /// The reason of the last failed attempt; `None` if the last attempt succeeded.
    pub failing: Option<String>,
    pub(super) names: Arc<Names>,
    pub(super) exporter: ExporterCounts,
}

/// Lost spans, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropCounts {
    /// The queue was full because the exporter did not keep up. With several destinations, only the
    /// one that is behind loses its oldest spans.
    pub queue_full: u64,
    /// The collector was unreachable, rejected them (all, or some by OTLP's partial success), or
    /// could not receive them (a span too large for a UDP packet).
    pub export_failed: u64,
    /// Not accepted before the shutdown's timeout, without a flight recorder to keep them.
    pub given_up: u64,
    /// The exporter panicked.
    pub exporter_panicked: u64,
    /// The flight recorder was full and configured to drop the oldest.
    pub recorder_full: u64,
    /// The flight recorder could not read them from the disk. After a read error they stay in their
    /// file, and the next start tries again.
    pub recorder_failed: u64,
    /// Open at the shutdown, or ended after it.
    pub after_shutdown: u64,
}

impl DropCounts {
    /// The sum of all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().into_iter().map(|(_, count)| count).sum()
    }

    /// Each reason, by its name in logs, with its count.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 7] {
        [
            ("queue_full", self.queue_full),
            ("export_failed", self.export_failed),
            ("given_up", self.given_up),
            ("exporter_panicked", self.exporter_panicked),
            ("recorder_full", self.recorder_full),
            ("recorder_failed", self.recorder_failed),
            ("after_shutdown", self.after_shutdown),
        ]
    }
}

impl fmt::Display for SpanCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} spans started: {} exported, {} waiting, {} open, {} dropped",
            self.started,
            self.exported,
            self.waiting,
            self.open,
            self.dropped.total()
        )?;
        let reasons = self.dropped.by_reason().into_iter();
        for (reason, count) in reasons.filter(|(_, count)| *count > 0) {
            let reason = reason.replace('_', " ");
            write!(f, "; {reason}: {count}")?;
        }
        Ok(())
    }
}
