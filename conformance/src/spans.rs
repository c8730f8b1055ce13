//! Checks spans against the model.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::facts::{Expected, Group, Outcome};
use crate::generation::Generation;
use crate::model::Model;
use crate::otlp::{self, SpanRecord};
use crate::values;
use crate::violation::{Report, Rule, Violation};

/// The key on the slices of a stream.
pub(crate) const SLICE: &str = "lianlu.stream.slice";

/// Checks `records` against the calls that were made.
///
/// The spans of each side must be in the order of `calls`, by their start. Spans of other kinds
/// than client and server are ignored.
pub fn check_spans(model: &Model, records: &[SpanRecord], calls: &[Expected]) -> Vec<Violation> {
    let mut found = Vec::new();
    for is_server in [false, true] {
        let kind = if is_server {
            SpanKind::Server
        } else {
            SpanKind::Client
        };
        let mut of_this_side = records
            .iter()
            .filter(|record| side(record, calls) == Some(kind));
        for expected in calls
            .iter()
            .filter(|call| call.group.is_server() == is_server)
        {
            if expected.is_sliced {
                slices(model, of_this_side.by_ref(), expected, &mut found);
                continue;
            }
            match of_this_side.next() {
                Some(record) => check(model, record, expected, &mut found),
                None => report(expected.group.name(), &expected.name, &mut found).add(
                    Rule::NoSpan,
                    "",
                    "no span",
                ),
            }
        }
        for record in of_this_side {
            report(kind.as_str_name(), &record.span.name, &mut found).add(
                Rule::StraySpan,
                "",
                "a span without a call",
            );
        }
    }
    found
}

/// Checks the slices of a stream: each conforms, only the last one has the outcome, and each starts
/// where the one before ends.
fn slices<'a>(
    model: &Model,
    records: impl Iterator<Item = &'a SpanRecord>,
    expected: &Expected,
    found: &mut Vec<Violation>,
) {
    let records: Vec<_> = records.collect();
    if records.len() < 2 {
        let detail = format!("{} slices", records.len());
        report(expected.group.name(), &expected.name, found).add(Rule::NoSpan, "", detail);
    }
    let mut before: Option<&SpanRecord> = None;
    for (number, record) in (0_i64..).zip(&records) {
        let is_last = records.len() == usize::try_from(number + 1).unwrap_or_default();
        if is_last {
            check(model, record, expected, found);
        } else {
            check(model, record, &expected.slice(), found);
        }
        let span = &record.span;
        let mut report = report(expected.group.name(), &span.name, found);
        if otlp::value(&span.attributes, SLICE) != Some(&Value::IntValue(number)) {
            report.add(Rule::Value, SLICE, format!("not {number}"));
        }
        if let Some(before) = before.map(|record| &record.span) {
            if before.end_time_unix_nano != span.start_time_unix_nano {
                report.add(
                    Rule::Time,
                    "",
                    "does not start at the end of the slice before",
                );
            }
            if !span.links.iter().any(|link| link.span_id == before.span_id) {
                report.add(Rule::Missing, SLICE, "no link to the slice before");
            }
        }
        before = Some(record);
    }
}

/// The side of a span: by its kind, or, if all calls are of one side, that side whatever the kind.
fn side(record: &SpanRecord, calls: &[Expected]) -> Option<SpanKind> {
    let servers = calls.iter().filter(|call| call.group.is_server()).count();
    match record.span.kind() {
        kind @ (SpanKind::Server | SpanKind::Client) => match servers {
            0 => Some(SpanKind::Client),
            _ if servers == calls.len() => Some(SpanKind::Server),
            _ => Some(kind),
        },
        _ => None,
    }
}

fn report<'a>(place: &'a str, span: &'a str, found: &'a mut Vec<Violation>) -> Report<'a> {
    Report { place, span, found }
}

fn check(model: &Model, record: &SpanRecord, expected: &Expected, found: &mut Vec<Violation>) {
    let expected = &model.of_span(expected);
    let span = &record.span;
    let mut report = report(expected.group.name(), &span.name, found);
    let Some(rules) = model.span(expected.group) else {
        return;
    };
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_");
    if !kind.eq_ignore_ascii_case(&rules.kind) {
        report.add(Rule::Kind, "", kind);
    }
    if span.name != expected.name {
        report.add(Rule::Name, "", format!("not `{}`", expected.name));
    }
    if span.end_time_unix_nano < span.start_time_unix_nano || span.start_time_unix_nano == 0 {
        report.add(Rule::Time, "", "ends before it starts");
    }
    record.scope.check(&mut report);
    status(model, record, expected, &mut report);
    values::check(
        model,
        &rules.attributes,
        &span.attributes,
        expected,
        &mut report,
    );
    if model.generation() == Generation::Both {
        values::agree(model, expected.group, &span.attributes, &mut report);
    }
}

fn status(model: &Model, record: &SpanRecord, expected: &Expected, report: &mut Report<'_>) {
    let status = record.span.status.clone().unwrap_or_default();
    let failed = values::has_failed(model, expected);
    let expected_code = if failed {
        StatusCode::Error
    } else {
        StatusCode::Unset
    };
    if status.code() != expected_code {
        let detail = format!("{:?}, not {expected_code:?}", status.code());
        report.add(Rule::Status, "", detail);
    }
    let is_by_code = expected.group.is_http() && expected.outcome == Outcome::ByStatus;
    if !status.message.is_empty() && (is_by_code || !failed) {
        report.add(Rule::Description, "", format!("`{}`", status.message));
    }
}

pub(crate) fn kind_of(group: Group) -> SpanKind {
    if group.is_server() {
        SpanKind::Server
    } else {
        SpanKind::Client
    }
}
