//! The results of the checker.

use std::fmt;

/// The kind of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// There is no span for a call.
    NoSpan,
    /// There is no call for a span.
    StraySpan,
    /// The span's kind, client or server.
    Kind,
    /// The span's name.
    Name,
    /// The span's status: error or unset.
    Status,
    /// A status description that only repeats the code.
    Description,
    /// An attribute is missing.
    Missing,
    /// An attribute is present although its condition does not hold.
    Unconditional,
    /// An opt-in attribute is present without opt-in.
    NotOptedIn,
    /// An attribute is not listed by the conventions.
    Unlisted,
    /// An attribute is present twice.
    Twice,
    /// A value has the wrong type.
    Type,
    /// A value is not one of the allowed ones.
    Enum,
    /// A value does not match the call.
    Value,
    /// A sampling-relevant attribute was set after the start of the span.
    Late,
    /// Name, version or schema URL of the instrumentation scope.
    Scope,
    /// The end is before the start.
    Time,
    /// There is no series for a call.
    NoMetric,
    /// A metric is not of the conventions, or without opt-in.
    StrayMetric,
    /// A metric's unit.
    Unit,
    /// A metric's instrument or temporality.
    Instrument,
    /// A histogram's bucket boundaries.
    Buckets,
    /// The count of a series.
    Count,
    /// The sum of a series, which is not the sum of the spans' durations.
    Duration,
}

/// A broken rule and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The span's group, or the metric's name.
    pub place: String,
    /// The span's name.
    pub span: String,
    /// The attribute's key, or empty.
    pub attribute: String,
    /// The rule.
    pub rule: Rule,
    /// What was found and what was expected.
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

/// Collects the violations of one span or one metric.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) place: &'a str,
    pub(crate) span: &'a str,
    pub(crate) found: &'a mut Vec<Violation>,
}

impl Report<'_> {
    pub(crate) fn add(&mut self, rule: Rule, attribute: &str, detail: impl Into<String>) {
        self.found.push(Violation {
            place: self.place.to_owned(),
            span: self.span.to_owned(),
            attribute: attribute.to_owned(),
            rule,
            detail: detail.into(),
        });
    }
}
