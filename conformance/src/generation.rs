//! The conventions before these, and both at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::{Expected, Fact, Group, Known};
use crate::model::{AttributeModel, Level, MetricModel, Row, SpanModel};

const TABLE: &str = include_str!("../model/old.json");

/// Which conventions an instrumentation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Generation {
    /// The model's version.
    #[default]
    Current,
    /// HTTP's v1.20.0 and RPC's v1.37.0, before they were stable.
    Old,
    /// Both at once: `http/dup`, `rpc/dup`.
    Both,
}

impl Generation {
    pub(crate) fn has_current(self) -> bool {
        self != Self::Old
    }

    pub(crate) fn has_old(self) -> bool {
        self != Self::Current
    }
}

/// The old table.
#[derive(Debug, Deserialize)]
pub(crate) struct Old {
    pub(crate) spans: BTreeMap<String, Vec<Row>>,
    pub(crate) metrics: BTreeMap<String, MetricModel>,
    pub(crate) attributes: BTreeMap<String, AttributeModel>,
    pub(crate) only_if: Vec<String>,
    pub(crate) values: BTreeMap<String, Vec<String>>,
    pub(crate) milliseconds: Vec<f64>,
}

impl Old {
    pub(crate) fn bundled() -> Result<Self, serde_json::Error> {
        serde_json::from_str(TABLE)
    }
}

/// Gives a span's rules the old attributes, or has them alone.
pub(crate) fn apply(generation: Generation, rules: &mut SpanModel, old: &[Row]) {
    match generation {
        Generation::Current => {}
        Generation::Old => rules.attributes = old.to_vec(),
        Generation::Both => {
            for row in old {
                let there = rules.attributes.iter_mut().find(|now| now.key == row.key);
                match there {
                    // What one of them asks for may be there.
                    Some(now) if now.level == Level::OptIn => *now = row.clone(),
                    Some(_) => {}
                    None => rules.attributes.push(row.clone()),
                }
            }
        }
    }
}

/// What of a call's attributes is expected where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Span,
    Metric,
}

/// The expectations of `call`, told in the keys of `generation`. `rows` are the old ones of its place.
pub(crate) fn translate(
    call: &Expected,
    generation: Generation,
    rows: &[Row],
    place: Place,
) -> Expected {
    let call = &at_place(call, place);
    if !generation.has_old() {
        return call.clone();
    }
    let mut values = by_hand(call, place);
    for row in rows {
        for (key, known) in &call.values {
            if row.from.as_ref() == Some(key) {
                values.push((row.key.clone(), known.clone()));
            }
        }
    }
    let header = |key: &str| -> Option<String> {
        let metadata = [
            ("rpc.request.metadata.", "rpc.grpc.request.metadata."),
            ("rpc.response.metadata.", "rpc.grpc.response.metadata."),
        ];
        for (now, then) in metadata {
            if let Some(name) = key.strip_prefix(now) {
                return Some([then, name].concat());
            }
        }
        if key.ends_with(".body.content") || key.contains(".body.content@") {
            return Some(key.to_owned());
        }
        let is_header = ["http.request.header.", "http.response.header."]
            .iter()
            .any(|prefix| key.starts_with(prefix));
        is_header.then(|| key.replace('-', "_"))
    };
    for (key, known) in &call.values {
        values.extend(header(key).map(|key| (key, known.clone())));
    }
    let headers = |keys: &[String]| {
        keys.iter()
            .filter_map(|key| header(key))
            .collect::<Vec<_>>()
    };
    let (mut opted_in, mut asked) = (headers(&call.opted_in), headers(&call.asked));
    if generation.has_current() {
        // Where both have a key, its value is the current one.
        values.retain(|(key, _)| call.values.iter().all(|(current, _)| current != key));
        values.extend(call.values.iter().cloned());
        opted_in.extend(call.opted_in.iter().cloned());
        asked.extend(call.asked.iter().cloned());
    }
    let mut call = call.clone();
    (call.values, call.opted_in, call.asked) = (values, opted_in, asked);
    call
}

/// What is asked for here, without what is asked for elsewhere.
fn at_place(call: &Expected, place: Place) -> Expected {
    let (here, elsewhere) = match place {
        Place::Span => ("@span", "@metric"),
        Place::Metric => ("@metric", "@span"),
    };
    let only = |keys: &[String]| {
        let keys = keys.iter().filter(|key| !key.ends_with(elsewhere));
        keys.map(|key| key.trim_end_matches(here).to_owned())
            .collect()
    };
    let mut call = call.clone();
    (call.opted_in, call.asked) = (only(&call.opted_in), only(&call.asked));
    call
}

/// Values that are no current attribute's.
fn by_hand(call: &Expected, place: Place) -> Vec<(String, Known)> {
    let mut values = Vec::new();
    let mut push = |key: &str, known: Known| values.push((key.to_owned(), known));
    let method = match place {
        // Whatever it was; of series there must not be one for each.
        Place::Span => call.text("http.request.method_original"),
        Place::Metric => None,
    };
    if let Some(method) = method.or(call.text("http.request.method")) {
        push("http.method", method.into());
    }
    if call.group == Group::HttpServer
        && let Some(path) = call.text("url.path")
    {
        let target = match call.text("url.query") {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        push("http.target", target.into());
    }
    if call.holds(Fact::Forwarded, false)
        && let Some(client) = call.text("client.address")
    {
        push("http.client_ip", client.into());
    }
    match call.text("rpc.method").map(|method| method.split_once('/')) {
        Some(Some((service, method))) => {
            push("rpc.service", service.into());
            push("rpc.method", method.into());
        }
        Some(None) => push("rpc.method", "_OTHER".into()),
        None => {}
    }
    let code = call.status.as_deref().and_then(grpc_code);
    if let Some(code) = code.filter(|_| !call.group.is_http() && !call.goes_on) {
        push("rpc.grpc.status_code", code.into());
    }
    values
}

/// The status codes of gRPC, each at the place of its number.
pub const GRPC_CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

fn grpc_code(name: &str) -> Option<i64> {
    let code = GRPC_CODES.iter().position(|known| *known == name)?;
    i64::try_from(code).ok()
}
