//! Where every span is.

use std::fmt;

/// Every sampled span that the pipeline has seen, by where it is now:
/// `started = open + waiting + exported + dropped`.
///
/// With several destinations these are the counts of the one that is furthest behind; each has counts of its own, see
/// [`Handle::destinations`](crate::Handle::destinations).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanCounts {
    /// Started since the pipeline was installed, and those that an earlier run has left in the flight recorder.
    pub started: u64,
    /// Started and not ended yet.
    pub open: u64,
    /// Ended, and waiting for the exporter or on their way. After a shutdown: left in the flight recorder, for the
    /// next start.
    pub waiting: u64,
    /// Taken by the collector.
    pub exported: u64,
    /// Lost, by reason.
    pub dropped: DropCounts,
    /// How many of the started ones come from an earlier run.
    pub recovered: u64,
    /// How many of the ended ones were written to the flight recorder's files, those that have arrived among them: they
    /// outlive the process, whatever the level. 0 without a recorder.
    pub recorded: u64,
    /// How many of the ended ones have been as safe as the flight recorder's
    /// [`Durability`](crate::Durability) promises, those that have arrived among them. 0 without a recorder.
    pub durable: u64,
}

/// Where the spans for one destination are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationCounts {
    /// What the exporter calls it.
    pub name: String,
    /// Where the spans are, seen from there.
    pub counts: SpanCounts,
    /// Why the last attempt has failed, if it has.
    pub failing: Option<String>,
}

/// Lost spans, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropCounts {
    /// The queue was full: the exporter did not keep up. Of several destinations the one that is behind loses the oldest,
    /// and the others nothing.
    pub queue_full: u64,
    /// The collector was not there, refused them (all, or those that it rejects in OTLP's partial success),
    /// or could not take them (a span too large for a UDP packet).
    pub export_failed: u64,
    /// The collector did not take them until the shutdown's time was over, and there was no flight recorder to keep them.
    pub given_up: u64,
    /// The exporter panicked.
    pub exporter_panicked: u64,
    /// The flight recorder was full, and was told to drop the oldest.
    pub recorder_full: u64,
    /// The flight recorder's disk did not give them back. Where it could not be read they stay in their file, and the next
    /// start tries again.
    pub recorder_failed: u64,
    /// They were open at the shutdown, or came after it.
    pub after_shutdown: u64,
}

impl DropCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason().into_iter().map(|(_, count)| count).sum()
    }

    /// Each reason, as metrics and logs call it, with its count.
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
