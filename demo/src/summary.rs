//! The summary at the end.

use std::fmt;

use lianlu::pipeline::SpanCounts;

use crate::shopper::Visits;
use crate::telemetry::ServiceSpans;

/// The run in numbers.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) visits: Visits,
    pub(crate) spans: Vec<ServiceSpans>,
}

impl Summary {
    /// The warning for standard error, if spans did not arrive.
    pub(crate) fn warning(&self) -> Option<String> {
        let missing = self.sum(|counts| counts.started - counts.exported);
        (missing > 0).then(|| {
            format!(
                "warning: {missing} spans did not arrive; is the collector running, and does it \
                 support this protocol?"
            )
        })
    }

    fn sum(&self, pick: impl Fn(&SpanCounts) -> u64) -> u64 {
        self.spans.iter().map(|spans| pick(&spans.counts)).sum()
    }

    fn requests(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let visits = &self.visits;
        writeln!(f, "requests  {:>5}", visits.total())?;
        for (status, count) in visits.answers() {
            writeln!(f, "          {count:>5}  {status}")?;
        }
        let others = [
            ("hung up in the middle of a stream", visits.hung_up()),
            ("cut short by the end", visits.cut_short()),
        ];
        let failures = visits
            .failures()
            .map(|(reason, count)| (format!("no answer: {reason}"), count));
        for (what, count) in others
            .map(|(what, count)| (what.to_owned(), count))
            .into_iter()
            .chain(failures)
            .filter(|(_, count)| *count > 0)
        {
            writeln!(f, "          {count:>5}  {what}")?;
        }
        Ok(())
    }

    fn errors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.answered(400..500);
        let failed = self.answered(500..600) + self.visits.failures().map(|(_, n)| n).sum::<u64>();
        writeln!(
            f,
            "errors    {:>5}  {refused} refused (4xx), {failed} failed (5xx or no answer)",
            refused + failed
        )
    }

    fn answered(&self, range: std::ops::Range<u16>) -> u64 {
        self.visits
            .answers()
            .filter(|(status, _)| range.contains(&status.as_u16()))
            .map(|(_, count)| count)
            .sum()
    }

    fn spans(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let started = self.sum(|counts| counts.started);
        writeln!(
            f,
            "spans     {started:>5}  started = {} exported + {} dropped + {} waiting + {} open",
            self.sum(|counts| counts.exported),
            self.sum(|counts| counts.dropped.total()),
            self.sum(|counts| counts.waiting),
            self.sum(|counts| counts.open),
        )?;
        for ServiceSpans { service, counts } in &self.spans {
            write!(f, "          {:>5}  {service}", counts.started)?;
            let dropped = counts.dropped.total();
            if dropped > 0 {
                write!(f, ", {dropped} dropped")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.requests(f)?;
        self.errors(f)?;
        self.spans(f)
    }
}
