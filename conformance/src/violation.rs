//! What the checker says.

use std::fmt;

/// Which rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A call has no span.
    NoSpan,
    /// A span has no call.
    StraySpan,
    /// Client or server.
    Kind,
    /// The name is not what the rule makes of the call.
    Name,
    /// Error or not.
    Status,
    /// A description that says no more than the status code.
    Description,
    /// An attribute is not there.
    Missing,
    /// An attribute is there without its condition.
    Unconditional,
    /// An attribute is there that the user did not ask for.
    NotOptedIn,
    /// An attribute is there that the conventions don't list.
    Unlisted,
    /// An attribute is there twice.
    Twice,
    /// A value of another type.
    Type,
    /// A value that is none of the allowed ones.
    Enum,
    /// A value that is not what the call was.
    Value,
    /// An attribute that samplers ask for came after the span's start.
    Late,
    /// Name, version or schema of the instrumentation scope.
    Scope,
    /// The end is before the start.
    Time,
    /// A call has no series of its metric.
    NoMetric,
    /// A metric that is none of the conventions', or was not asked for.
    StrayMetric,
    /// A metric's unit.
    Unit,
    /// A metric's instrument, or its temporality.
    Instrument,
    /// A histogram's boundaries.
    Buckets,
    /// A series counts other calls than there were.
    Count,
    /// A series' sum is not that of its spans' durations.
    Duration,
}

/// A rule that was broken, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The group of the span, or the metric's name.
    pub place: String,
    /// The span's name.
    pub span: String,
    /// The attribute's key, if it is about one.
    pub attribute: String,
    /// What it breaks.
    pub rule: Rule,
    /// What was there, and what should have been.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            span,
            attribute,
            rule,
            detail,
        } = self;
        write!(f, "{place} `{span}`: {rule:?} {attribute}: {detail}")
    }
}

/// Where violations are collected, for one span or one metric.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) place: &'a str,
    pub(crate) span: &'a str,
    pub(crate) found: &'a mut Vec<Violation>,
}

impl Report<'_> {
    pub(crate) fn say(&mut self, rule: Rule, attribute: &str, detail: impl Into<String>) {
        self.found.push(Violation {
            place: self.place.to_owned(),
            span: self.span.to_owned(),
            attribute: attribute.to_owned(),
            rule,
            detail: detail.into(),
        });
    }
}
