//! Where every span is.

use std::fmt;

/// Every sampled span that the pipeline has seen, by where it is now:
/// `started = open + waiting + exported + dropped`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanCounts {
    /// Started since the pipeline was installed.
    pub started: u64,
    /// Started and not ended yet.
    pub open: u64,
    /// Ended, and waiting for the exporter or on their way.
    pub waiting: u64,
    /// Taken by the collector.
    pub exported: u64,
    /// Lost, by reason.
    pub dropped: Drops,
}

/// Lost spans, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drops {
    /// The queue was full: the exporter did not keep up.
    pub queue_full: u64,
    /// The collector was not there, refused them (all, or those that it rejects in OTLP's partial success),
    /// or could not take them (a span too large for a UDP packet).
    pub export_failed: u64,
    /// The exporter panicked.
    pub exporter_panicked: u64,
    /// They were open at the shutdown, or came after it.
    pub after_shutdown: u64,
}

impl Drops {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queue_full + self.export_failed + self.exporter_panicked + self.after_shutdown
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
        let reasons = [
            ("queue full", self.dropped.queue_full),
            ("export failed", self.dropped.export_failed),
            ("exporter panicked", self.dropped.exporter_panicked),
            ("after shutdown", self.dropped.after_shutdown),
        ];
        for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, "; {reason}: {count}")?;
        }
        Ok(())
    }
}
