//! How an attribute stands on spans and metrics of one side of a protocol.

use opentelemetry::trace::SpanKind;

use crate::conventions::Protocol;
use crate::conventions::opt_in::OptIn;

/// A side of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    HttpServer,
    HttpClient,
    GrpcServer,
    GrpcClient,
}

impl Surface {
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [
        Self::HttpServer,
        Self::HttpClient,
        Self::GrpcServer,
        Self::GrpcClient,
    ];

    pub(crate) fn of(kind: &SpanKind, protocol: Protocol) -> Self {
        match (protocol, kind) {
            (Protocol::Http, SpanKind::Client) => Self::HttpClient,
            (Protocol::Http, _) => Self::HttpServer,
            (Protocol::Grpc, SpanKind::Client) => Self::GrpcClient,
            (Protocol::Grpc, _) => Self::GrpcServer,
        }
    }
}

/// When an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Never,
    /// When its value is known: required, conditionally required and recommended attributes.
    Known,
    /// When its value is known and the user asked for it.
    Asked(OptIn),
}

/// What an attribute is at one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// On spans.
    pub(crate) span: When,
    /// On the duration and size metrics.
    pub(crate) metric: When,
    /// On the size metrics, where it is not on the duration.
    pub(crate) size: bool,
    /// On the metric of active requests.
    pub(crate) active: When,
    /// The key in the old conventions, on spans.
    pub(crate) old: Option<&'static str>,
    /// Whether the old duration metric has it, under the same old key.
    pub(crate) old_metric: bool,
}

impl Place {
    pub(super) const fn metric(mut self) -> Self {
        self.metric = When::Known;
        self
    }

    pub(super) const fn metric_asked(mut self, opt_in: OptIn) -> Self {
        self.metric = When::Asked(opt_in);
        self
    }

    pub(super) const fn size(mut self) -> Self {
        self.size = true;
        self
    }

    pub(super) const fn active(mut self) -> Self {
        self.active = When::Known;
        self
    }

    pub(super) const fn active_asked(mut self, opt_in: OptIn) -> Self {
        self.active = When::Asked(opt_in);
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

pub(super) const NO: Place = Place {
    span: When::Never,
    metric: When::Never,
    size: false,
    active: When::Never,
    old: None,
    old_metric: false,
};

pub(super) const SPAN: Place = Place {
    span: When::Known,
    ..NO
};

pub(super) const fn asked(opt_in: OptIn) -> Place {
    Place {
        span: When::Asked(opt_in),
        ..NO
    }
}
