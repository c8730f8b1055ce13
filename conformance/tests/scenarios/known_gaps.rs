//! What is known not to follow the conventions.

use std::collections::BTreeSet;

use lianlu_conformance::{Model, Rule, Violation};

/// A violation that is no failure. One that no longer happens is: the list must shrink with the gaps.
#[derive(Debug)]
pub struct Gap {
    /// The beginning of the names of the scenarios that have it; empty for all.
    pub scenarios: &'static str,
    /// The span's group, or the metric's name.
    pub place: &'static str,
    pub rule: Rule,
    pub attribute: &'static str,
}

impl Gap {
    /// Whether the scenarios and the model have what the gap is about.
    pub fn is_of(&self, model: &Model, scenarios: &BTreeSet<String>) -> bool {
        let mut names = scenarios.iter();
        if !names.any(|name| name.starts_with(self.scenarios)) {
            return false;
        }
        !self.place.ends_with(".duration") || model.metric(self.place).is_some()
    }

    pub fn is(&self, scenario: &str, violation: &Violation) -> bool {
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

const UNNAMED: &str = "grpc client: a channel that nobody named";

pub const KNOWN_GAPS: &[Gap] = &[
    // To stay: a tonic `Channel` hides where it goes, and the request that a generated client hands to
    // it has a path alone. Only the user can name the server, with the layer's `with_target` or the
    // client's `with_origin`; the two scenarios beside show both.
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
    // The same in the metric of the old conventions.
    gap(
        UNNAMED,
        "rpc.client.duration",
        Rule::Missing,
        "server.address",
    ),
    gap(UNNAMED, "rpc.client.duration", Rule::Missing, "server.port"),
];
