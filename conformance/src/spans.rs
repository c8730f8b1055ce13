//! Spans against the model.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use crate::facts::{Expected, Group, Outcome};
use crate::model::Model;
use crate::otlp::SpanRecord;
use crate::values;
use crate::violation::{Report, Rule, Violation};

/// Checks `records` against the calls that were made.
///
/// Those of a side are taken in the order of their starts, as `calls` has them; spans of other kinds
/// than client and server are none of ours.
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
            match of_this_side.next() {
                Some(record) => check(model, record, expected, &mut found),
                None => report(expected.group.name(), &expected.name, &mut found).say(
                    Rule::NoSpan,
                    "",
                    "no span",
                ),
            }
        }
        for record in of_this_side {
            report(kind.as_str_name(), &record.span.name, &mut found).say(
                Rule::StraySpan,
                "",
                "a span that no call has",
            );
        }
    }
    found
}

/// A scenario of one side alone has no doubt whose a span is, whatever kind it has.
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
    let span = &record.span;
    let mut report = report(expected.group.name(), &span.name, found);
    let Some(rules) = model.span(expected.group) else {
        return;
    };
    let kind = span.kind().as_str_name().trim_start_matches("SPAN_KIND_");
    if !kind.eq_ignore_ascii_case(&rules.kind) {
        report.say(Rule::Kind, "", kind);
    }
    if span.name != expected.name {
        report.say(Rule::Name, "", format!("not `{}`", expected.name));
    }
    if span.end_time_unix_nano < span.start_time_unix_nano || span.start_time_unix_nano == 0 {
        report.say(Rule::Time, "", "ends before it starts");
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
}

fn status(model: &Model, record: &SpanRecord, expected: &Expected, report: &mut Report<'_>) {
    let status = record.span.status.clone().unwrap_or_default();
    let failed = values::has_failed(model, expected);
    let wanted = if failed {
        StatusCode::Error
    } else {
        StatusCode::Unset
    };
    if status.code() != wanted {
        let detail = format!("{:?}, not {wanted:?}", status.code());
        report.say(Rule::Status, "", detail);
    }
    let told_by_code = expected.group.is_http() && expected.outcome == Outcome::ByStatus;
    if !status.message.is_empty() && (told_by_code || !failed) {
        report.say(Rule::Description, "", format!("`{}`", status.message));
    }
}

pub(crate) fn kind_of(group: Group) -> SpanKind {
    if group.is_server() {
        SpanKind::Server
    } else {
        SpanKind::Client
    }
}
