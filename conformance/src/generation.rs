//! The older conventions, and both at once.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::{Expected, Fact, Group, Known};
use crate::model::{AttributeModel, Level, MetricModel, Row, SpanModel};

const TABLE: &str = include_str!("../model/old.json");

/// The conventions that an instrumentation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Generation {
    /// The version of the model.
    #[default]
    Current,
    /// HTTP v1.20.0 and RPC v1.37.0, before they were stable.
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

/// The table of the old conventions.
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

/// Adds the old attributes to a span's rules, or replaces the rules by them.
pub(crate) fn apply(generation: Generation, rules: &mut SpanModel, old: &[Row]) {
    match generation {
        Generation::Current => {}
        Generation::Old => rules.attributes = old.to_vec(),
        Generation::Both => {
            for row in old {
                let current = rules.attributes.iter_mut().find(|now| now.key == row.key);
                match current {
                    // An opt-in key of one may be required by the other.
                    Some(now) if now.level == Level::OptIn => *now = row.clone(),
                    Some(_) => {}
                    None => rules.attributes.push(row.clone()),
                }
            }
        }
    }
}

/// The signal that expectations are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Span,
    Metric,
}

/// The expectations of `call` with the keys of `generation`. `rows` are the old ones of the signal.
pub(crate) fn translate(
    call: &Expected,
    generation: Generation,
    rows: &[Row],
    signal: Signal,
) -> Expected {
    let call = &of_signal(call, signal);
    if !generation.has_old() {
        return call.clone();
    }
    let mut values = computed(call, signal);
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
    let (mut opted_in, mut required) = (headers(&call.opted_in), headers(&call.required));
    if generation.has_current() {
        // A key of both has the current value.
        values.retain(|(key, _)| call.values.iter().all(|(current, _)| current != key));
        values.extend(call.values.iter().cloned());
        opted_in.extend(call.opted_in.iter().cloned());
        required.extend(call.required.iter().cloned());
    }
    let mut call = call.clone();
    (call.values, call.opted_in, call.required) = (values, opted_in, required);
    call
}

/// The expectations without the opt-ins of the other signal.
fn of_signal(call: &Expected, signal: Signal) -> Expected {
    let (here, elsewhere) = match signal {
        Signal::Span => ("@span", "@metric"),
        Signal::Metric => ("@metric", "@span"),
    };
    let only = |keys: &[String]| {
        let keys = keys.iter().filter(|key| !key.ends_with(elsewhere));
        keys.map(|key| key.trim_end_matches(here).to_owned())
            .collect()
    };
    let mut call = call.clone();
    (call.opted_in, call.required) = (only(&call.opted_in), only(&call.required));
    call
}

/// Old values that are not the value of one current attribute.
fn computed(call: &Expected, signal: Signal) -> Vec<(String, Known)> {
    let mut values = Vec::new();
    let mut push = |key: &str, known: Known| values.push((key.to_owned(), known));
    let method = match signal {
        // As sent. Metrics must not have a series for each.
        Signal::Span => call.text("http.request.method_original"),
        Signal::Metric => None,
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
    if let Some(code) = code.filter(|_| !call.group.is_http() && !call.has_later_slice) {
        push("rpc.grpc.status_code", code.into());
    }
    values
}

/// The gRPC status codes, by number.
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
