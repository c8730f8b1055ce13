//! The place of an attribute on spans and metrics of one side of a protocol.

use crate::describe::opt_in::OptIn;

/// When an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Never,
    /// When its value is known: required, conditionally required and recommended attributes.
    Known,
    /// When its value is known and the user has enabled it.
    Asked(OptIn),
}

/// The requirement of an attribute on one side of a protocol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requirement {
    /// On spans.
    pub(crate) span: Level,
    /// On the duration and size metrics.
    pub(crate) metric: Level,
    /// On the size metrics, even if it is not on the duration.
    pub(crate) size: bool,
    /// On the metric of active requests.
    pub(crate) active: Level,
    /// The key in the old conventions, on spans.
    pub(crate) old: Option<&'static str>,
    /// True if the old duration metric has it, under the same old key.
    pub(crate) old_metric: bool,
}

impl Requirement {
    pub(super) const fn metric(mut self) -> Self {
        self.metric = Level::Known;
        self
    }

    pub(super) const fn metric_asked(mut self, opt_in: OptIn) -> Self {
        self.metric = Level::Asked(opt_in);
        self
    }

    pub(super) const fn size(mut self) -> Self {
        self.size = true;
        self
    }

    pub(super) const fn active(mut self) -> Self {
        self.active = Level::Known;
        self
    }

    pub(super) const fn active_asked(mut self, opt_in: OptIn) -> Self {
        self.active = Level::Asked(opt_in);
        self
    }

    pub(super) const fn old(mut self, key: &'static str) -> Self {
        self.old = Some(key);
        self
    }

    pub(super) const fn old_metric(mut self) -> Self {
        self.old_metric = true;
        self
    }
}

pub(super) const NO: Requirement = Requirement {
    span: Level::Never,
    metric: Level::Never,
    size: false,
    active: Level::Never,
    old: None,
    old_metric: false,
};

pub(super) const SPAN: Requirement = Requirement {
    span: Level::Known,
    ..NO
};

pub(super) const fn asked(opt_in: OptIn) -> Requirement {
    Requirement {
        span: Level::Asked(opt_in),
        ..NO
    }
}
