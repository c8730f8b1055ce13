//! The pipeline's counts, as the child reports them.

/// How many of the child's spans are in which state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Started in this life, or recovered from an earlier one.
    pub started: u64,
    /// Not ended yet.
    pub open: u64,
    /// Ended, and neither exported nor dropped.
    pub waiting: u64,
    /// Accepted by the collector.
    pub exported: u64,
    /// Recovered from an earlier life.
    pub recovered: u64,
    /// Written to the recorder's files.
    pub recorded: u64,
    /// As safe as the durability level promises.
    pub durable: u64,
    /// Dropped, by reason; reasons with a count of 0 are left out.
    pub dropped: Vec<(String, u64)>,
}

impl Counts {
    /// Parses `started=1 open=0 …`; every other name is a reason for drops.
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

    /// Number of dropped spans.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().map(|(_, count)| count).sum()
    }

    /// Number of spans that were dropped for this reason.
    #[must_use]
    pub fn dropped_by(&self, reason: &str) -> u64 {
        let mut dropped = self.dropped.iter();
        dropped
            .find(|(name, _)| name == reason)
            .map_or(0, |(_, count)| *count)
    }

    /// Asserts that started = open + waiting + exported + dropped.
    #[track_caller]
    pub fn assert_identity(&self) {
        let known = self.open + self.waiting + self.exported + self.dropped();
        assert_eq!(self.started, known, "{self:?}");
    }
}
