//! The pipeline's counts, as the child tells them.

/// Where the child's spans are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Started, and those of an earlier life.
    pub started: u64,
    /// Not ended.
    pub open: u64,
    /// Ended, and not gone.
    pub waiting: u64,
    /// Taken by the collector.
    pub exported: u64,
    /// Of an earlier life.
    pub recovered: u64,
    /// Written to the recorder's files.
    pub recorded: u64,
    /// As safe as the level promises.
    pub durable: u64,
    /// Lost, by reason; those that are 0 are left out.
    pub dropped: Vec<(String, u64)>,
}

impl Counts {
    /// Of `started=1 open=0 …`; every name that is none of the above is a reason.
    pub(crate) fn parse(line: &str) -> Self {
        let mut counts = Self::default();
        for pair in line.split_whitespace() {
            let (name, count) = pair.split_once('=').expect(line);
            let count = count.parse().expect(line);
            match name {
                "started" => counts.started = count,
                "open" => counts.open = count,
                "waiting" => counts.waiting = count,
                "exported" => counts.exported = count,
                "recovered" => counts.recovered = count,
                "recorded" => counts.recorded = count,
                "durable" => counts.durable = count,
                _ if count > 0 => counts.dropped.push((name.to_owned(), count)),
                _ => {}
            }
        }
        counts
    }

    /// Those that were dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    /// Those that were dropped for this reason.
    #[must_use]
    pub fn dropped_by(&self, reason: &str) -> u64 {
        let mut dropped = self.dropped.iter();
        dropped
            .find(|(name, _)| name == reason)
            .map_or(0, |(_, count)| *count)
    }

    /// Every span is somewhere.
    #[track_caller]
    pub fn assert_identity(&self) {
        let known = self.open + self.waiting + self.exported + self.dropped();
        assert_eq!(self.started, known, "{self:?}");
    }
}
