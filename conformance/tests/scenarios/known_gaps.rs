//! Known violations of the conventions.

use std::collections::BTreeSet;

use lianlu_conformance::{Model, Rule, Violation};

/// A known violation. The tests fail for other violations, and for a gap that is closed but still
/// listed.
#[derive(Debug)]
pub struct Gap {
    /// A prefix of the scenarios' names; empty for all.
    pub scenarios: &'static str,
    /// The span's group, or the metric's name.
    pub place: &'static str,
    pub rule: Rule,
    pub attribute: &'static str,
}

impl Gap {
    /// True if the gap must occur with these scenarios and this model.
    pub fn applies(&self, model: &Model, scenarios: &BTreeSet<String>) -> bool {
        let mut names = scenarios.iter();
        if !names.any(|name| name.starts_with(self.scenarios)) {
            return false;
        }
        !self.place.ends_with(".duration") || model.metric(self.place).is_some()
    }

    /// True if the violation is this gap.
    pub fn matches(&self, scenario: &str, violation: &Violation) -> bool {
        scenario.starts_with(self.scenarios)
            && violation.place == self.place
            && violation.rule == self.rule
            && violation.attribute == self.attribute
    }
}

const fn gap(
    scenarios: &'static str,
    place: &'static str,
    rule: Rule,
    attribute: &'static str,
) -> Gap {
    Gap {
        scenarios,
        place,
        rule,
        attribute,
    }
}

const UNNAMED: &str = "grpc client: a channel without a target";

pub const KNOWN_GAPS: &[Gap] = &[
    // Will stay: a tonic `Channel` does not expose its endpoint, and the requests of a generated
    // client have a path only. The user has to name the server, by the layer's `with_target` or the
    // client's `with_origin`; two other scenarios cover these.
    gap(UNNAMED, "rpc.client", Rule::Missing, "server.address"),
    gap(UNNAMED, "rpc.client", Rule::Missing, "server.port"),
    gap(
        UNNAMED,
        "rpc.client.call.duration",
        Rule::Missing,
        "server.address",
    ),
    gap(
        UNNAMED,
        "rpc.client.call.duration",
        Rule::Missing,
        "server.port",
    ),
    // In the metric of the old conventions.
    gap(
        UNNAMED,
        "rpc.client.duration",
        Rule::Missing,
        "server.address",
    ),
    gap(UNNAMED, "rpc.client.duration", Rule::Missing, "server.port"),
];
