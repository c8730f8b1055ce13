//! What is known not to follow the conventions yet.

use lianlu_conformance::{Rule, Violation};

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
const NO_METHOD: &str = "grpc: a method that the server does not have";
const NO_SERVICE: &str = "grpc: a service that the server does not have";

pub const KNOWN_GAPS: &[Gap] = &[
    // hyper-util and reqwest tell the socket's other end with the response.
    gap("", "http.client", Rule::Missing, "network.peer.address"),
    gap("", "http.client", Rule::Missing, "network.peer.port"),
    // A tonic `Channel` hides where it goes; without `with_target` nobody knows.
    gap(UNNAMED, "rpc.client", Rule::Missing, "server.address"),
    gap(UNNAMED, "rpc.client", Rule::Missing, "server.port"),
    // A well-formed path is taken for a method: there is no list of the known ones yet.
    gap(NO_METHOD, "rpc.server", Rule::Name, ""),
    gap(NO_METHOD, "rpc.server", Rule::Value, "rpc.method"),
    gap(
        NO_METHOD,
        "rpc.server",
        Rule::Missing,
        "rpc.method_original",
    ),
    gap(NO_SERVICE, "rpc.server", Rule::Name, ""),
    gap(NO_SERVICE, "rpc.server", Rule::Value, "rpc.method"),
    gap(
        NO_SERVICE,
        "rpc.server",
        Rule::Missing,
        "rpc.method_original",
    ),
];
