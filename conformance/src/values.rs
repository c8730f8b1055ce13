//! Checks attributes, on spans and on metrics.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

use crate::facts::{Expected, Fact, Group, Known, Outcome};
use crate::model::{LATER_STATUS_KEY, Level, Model, Row};
use crate::otlp;
use crate::violation::{Report, Rule};

/// The gRPC status of the old conventions.
const GRPC_CODE: &str = "rpc.grpc.status_code";

/// Keys of the instrumentation's own.
const OWN: [&str; 2] = ["lianlu.", "service.peer.name"];

/// True if the call is an error by the model, or by the user's classifier.
pub(crate) fn has_failed(model: &Model, expected: &Expected) -> bool {
    if let Some(is_error) = expected.classified {
        return is_error;
    }
    match &expected.outcome {
        Outcome::Failed(_) => true,
        Outcome::Cancelled => false,
        Outcome::ByStatus => {
            let status = expected.status.as_deref();
            status.is_some_and(|status| model.is_error(expected.group, status))
        }
    }
}

/// Checks presence, types and values by the rows of one table.
pub(crate) fn check(
    model: &Model,
    rows: &[Row],
    attributes: &[KeyValue],
    expected: &Expected,
    report: &mut Report<'_>,
) {
    let failed = has_failed(model, expected);
    let mut seen = BTreeSet::new();
    for attribute in attributes {
        let key = attribute.key.as_str();
        if !seen.insert(key) {
            report.add(Rule::Twice, key, "present twice");
        }
        let Some(value) = otlp::value(std::slice::from_ref(attribute), key) else {
            report.add(Rule::Type, key, "no value");
            continue;
        };
        match model.row(rows, key) {
            Some(row) => {
                check_presence(model, row, key, expected, failed, report);
                check_type(model, key, value, expected, report);
                check_form(key, value, report);
            }
            None if OWN.iter().any(|own| key.starts_with(own)) => {}
            None => report.add(Rule::Unlisted, key, format!("{value:?}")),
        }
    }
    for row in rows {
        let is_required = match row.level {
            Level::Required => true,
            Level::OptIn => false,
            Level::ConditionallyRequired | Level::Recommended => {
                row.when.is_some_and(|fact| expected.holds(fact, failed))
            }
        };
        // Only the last slice has the status.
        let is_later = expected.has_later_slice
            && [model.status_key(), LATER_STATUS_KEY, GRPC_CODE].contains(&&*row.key);
        if is_required && !is_later && !seen.contains(row.key.as_str()) {
            report.add(Rule::Missing, &row.key, format!("{:?}", row.level));
        }
    }
    for key in &expected.required {
        if !seen.contains(key.as_str()) && model.row(rows, key).is_some() {
            report.add(Rule::Missing, key, "required by opt-in");
        }
    }
    for (key, known) in &expected.values {
        let found = otlp::value(attributes, key);
        // Missing attributes have been reported above.
        let (Some(found), Some(_)) = (found, model.row(rows, key)) else {
            continue;
        };
        let same = match (found, known) {
            (Value::StringValue(found), Known::Text(known)) => found == known,
            (Value::IntValue(found), Known::Int(known)) => found == known,
            (Value::ArrayValue(found), Known::Texts(known)) => {
                let texts = found.values.iter().map(|value| match &value.value {
                    Some(Value::StringValue(text)) => text.as_str(),
                    _ => "",
                });
                texts.eq(known.iter().map(String::as_str))
            }
            _ => false,
        };
        if !same {
            report.add(Rule::Value, key, format!("{found:?}, not {known:?}"));
        }
    }
    status(model, attributes, expected, report);
    if failed {
        error_type(attributes, expected, report);
    }
}

fn check_presence(
    model: &Model,
    row: &Row,
    key: &str,
    expected: &Expected,
    failed: bool,
    report: &mut Report<'_>,
) {
    let holds = row.when.is_some_and(|fact| expected.holds(fact, failed));
    let is_opted_in = || expected.opted_in.iter().any(|opted_in| opted_in == key);
    match row.level {
        Level::ConditionallyRequired if !holds => {
            report.add(Rule::Unconditional, key, format!("without {:?}", row.when));
        }
        Level::Recommended if !holds && model.is_only_if(key) => {
            report.add(Rule::Unconditional, key, format!("without {:?}", row.when));
        }
        Level::OptIn if !is_opted_in() => report.add(Rule::NotOptedIn, key, "without opt-in"),
        _ => {}
    }
}

fn check_type(
    model: &Model,
    key: &str,
    value: &Value,
    expected: &Expected,
    report: &mut Report<'_>,
) {
    let Some(attribute) = model.attribute(key) else {
        return;
    };
    let fits = match (attribute.kind.as_str(), value) {
        ("string", Value::StringValue(_))
        | ("int", Value::IntValue(_))
        | ("double", Value::DoubleValue(_))
        | ("boolean", Value::BoolValue(_)) => true,
        ("string[]", Value::ArrayValue(array)) => array
            .values
            .iter()
            .all(|value| matches!(&value.value, Some(Value::StringValue(_)))),
        _ => false,
    };
    if !fits {
        report.add(
            Rule::Type,
            key,
            format!("{value:?} is not of type {}", attribute.kind),
        );
    }
    if let (Value::StringValue(text), Some(values)) = (value, model.values(key))
        && !values.contains(text)
        && !(expected.own_methods && key == "http.request.method")
    {
        report.add(
            Rule::Enum,
            key,
            format!("`{text}` is not one of {values:?}"),
        );
    }
}

/// Checks the form of a value.
fn check_form(key: &str, value: &Value, report: &mut Report<'_>) {
    match value {
        Value::StringValue(text) => {
            let wrong = match key {
                "url.full" | "http.url" => !is_absolute(text) || has_credentials(text),
                "url.path" => !is_path(text) || text.contains('?'),
                "http.target" => !is_path(text),
                "url.query" => text.starts_with('?'),
                // An IP address without brackets, a host without its port.
                "server.address"
                | "client.address"
                | "network.peer.address"
                | "net.host.name"
                | "net.peer.name"
                | "net.sock.peer.addr"
                | "http.client_ip" => text.is_empty() || text.starts_with('[') || has_port(text),
                "rpc.method"
                | "rpc.service"
                | "http.request.method"
                | "http.method"
                | "error.type"
                | "http.route"
                | "url.template" => text.is_empty(),
                _ => false,
            };
            if wrong {
                report.add(Rule::Value, key, format!("`{text}`"));
            }
        }
        Value::IntValue(number) => {
            let allowed = match key {
                "http.response.status_code" | "http.status_code" => 100..=999,
                "http.request.resend_count" | "http.resend_count" => 1..=i64::MAX,
                _ if key.ends_with(".port") => 1..=65535,
                _ => 0..=i64::MAX,
            };
            if !allowed.contains(number) {
                report.add(Rule::Value, key, number.to_string());
            }
        }
        _ => {}
    }
    if (key.starts_with("http.request.header.") || key.starts_with("http.response.header."))
        && key.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        report.add(Rule::Value, key, "upper case");
    }
}

/// `OPTIONS *` has a star, and `CONNECT` has no path.
fn is_path(text: &str) -> bool {
    text.starts_with('/') || text == "*" || text.is_empty()
}

fn is_absolute(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !scheme.is_empty() && scheme.bytes().all(letters) && !host.is_empty()
    })
}

fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let credentials = authority
        .rsplit_once('@')
        .map(|(credentials, _)| credentials);
    credentials.is_some_and(|known| known.split(':').any(|part| part != "REDACTED"))
}

/// True for `host:port`; false for IPv6 addresses and gRPC targets that are not split.
fn has_port(address: &str) -> bool {
    address.split_once(':').is_some_and(|(host, port)| {
        !host.contains(['/', ',']) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
    })
}

fn status(model: &Model, attributes: &[KeyValue], expected: &Expected, report: &mut Report<'_>) {
    let (Some(status), false) = (&expected.status, expected.group.is_http()) else {
        return;
    };
    let key = model.status_key();
    if let Some(found) = otlp::text(attributes, key)
        && found != status
    {
        report.add(Rule::Value, key, format!("`{found}`, not `{status}`"));
    }
}

/// With both conventions, checks that old attributes have the values of the current ones.
pub(crate) fn agree(model: &Model, group: Group, attributes: &[KeyValue], report: &mut Report<'_>) {
    for (current, old) in model.pairs(group) {
        let Some(found) = otlp::value(attributes, current) else {
            continue;
        };
        match otlp::value(attributes, old) {
            Some(other) if other == found => {}
            other => report.add(
                Rule::Value,
                old,
                format!("{other:?}, and {current} {found:?}"),
            ),
        }
    }
}

fn error_type(attributes: &[KeyValue], expected: &Expected, report: &mut Report<'_>) {
    let key = "error.type";
    let Some(found) = otlp::text(attributes, key) else {
        return;
    };
    let known = match &expected.outcome {
        Outcome::Failed(known) => known.as_deref(),
        _ if expected.holds(Fact::HasResponse, true) => expected.status.as_deref(),
        _ => None,
    };
    if let Some(known) = known
        && found != known
    {
        report.add(Rule::Value, key, format!("`{found}`, not `{known}`"));
    }
    // A message would make a series for each error.
    if found.len() > 100 || found.contains(char::is_whitespace) {
        report.add(
            Rule::Value,
            key,
            format!("`{found}` is not a class of errors"),
        );
    }
}
