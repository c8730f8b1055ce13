//! Checks metrics against the model, and against the spans of the same calls.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, Metric};
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, number_data_point};

use crate::facts::Expected;
use crate::model::Model;
use crate::otlp::{Scope, SpanRecord};
use crate::spans::SLICE;
use crate::values;
use crate::violation::{Report, Rule, Violation};

/// The allowed difference between a series and its spans, for each call, in seconds.
const TOLERANCE: f64 = 1e-6;

/// Checks the metrics of the calls that were made, exported once after all of them. `records` are
/// their spans. Only metrics with a scope of the spans are checked; those must be of the
/// conventions.
pub fn check_metrics(
    model: &Model,
    requests: &[ExportMetricsServiceRequest],
    records: &[SpanRecord],
    calls: &[Expected],
) -> Vec<Violation> {
    let mut found = Vec::new();
    let records = &whole_calls(records);
    let mut metrics = BTreeMap::new();
    let resources = requests
        .iter()
        .flat_map(|request| &request.resource_metrics);
    for scope in resources.flat_map(|resource| &resource.scope_metrics) {
        let metric_scope = Scope::new(scope.scope.as_ref(), &scope.schema_url);
        if !records
            .iter()
            .any(|record| record.scope.name == metric_scope.name)
        {
            continue;
        }
        for metric in &scope.metrics {
            let mut report = Report {
                place: &metric.name,
                span: "",
                found: &mut found,
            };
            metric_scope.check(&mut report);
            metrics.insert(metric.name.as_str(), metric);
            let of_calls: Vec<_> = calls
                .iter()
                .filter(|call| is_measured(model, &metric.name, call))
                .map(|call| model.of_metric(call, &metric.name))
                .collect();
            check(model, metric, &of_calls, &mut report);
        }
    }
    for call in calls {
        // Body sizes may be unknown; active requests are always recorded.
        for name in call.group.optional_metrics() {
            let is_opted_in = call.opted_in.iter().any(|opted_in| opted_in == name);
            if is_opted_in && name.ends_with(".active_requests") && !metrics.contains_key(name) {
                let mut report = Report {
                    place: name,
                    span: &call.name,
                    found: &mut found,
                };
                report.add(Rule::NoMetric, "", "no metric");
            }
        }
        for name in model.durations(call.group) {
            match metrics.get(name) {
                None => Report {
                    place: name,
                    span: &call.name,
                    found: &mut found,
                }
                .add(Rule::NoMetric, "", "no metric"),
                Some(metric) => match_duration(metric, records, call, calls, &mut found),
            }
        }
    }
    found
}

/// True if `call` must or may be in the metric.
fn is_measured(model: &Model, metric: &str, call: &Expected) -> bool {
    model.durations(call.group).contains(&metric)
        || (metric.starts_with(&format!("{}.", call.group.name()))
            && call.opted_in.iter().any(|opted_in| opted_in == metric))
}

fn check(model: &Model, metric: &Metric, calls: &[Expected], report: &mut Report<'_>) {
    let (Some(rules), false) = (model.metric(&metric.name), calls.is_empty()) else {
        report.add(
            Rule::StrayMetric,
            "",
            "not of the conventions, or without opt-in",
        );
        return;
    };
    if metric.unit != rules.unit {
        let detail = format!("`{}`, not `{}`", metric.unit, rules.unit);
        report.add(Rule::Unit, "", detail);
    }
    let attributes: Vec<&[KeyValue]> = match (&metric.data, rules.instrument.as_str()) {
        (Some(Data::Histogram(histogram)), "histogram") => {
            for point in &histogram.data_points {
                buckets(model, &metric.name, point, report);
            }
            let points = histogram.data_points.iter();
            points.map(|point| point.attributes.as_slice()).collect()
        }
        (Some(Data::Sum(sum)), "updowncounter") => {
            let cumulative = AggregationTemporality::Cumulative;
            if sum.is_monotonic || sum.aggregation_temporality() != cumulative {
                report.add(Rule::Instrument, "", "not an updowncounter");
            }
            for point in &sum.data_points {
                // All calls have ended.
                if point.value != Some(number_data_point::Value::AsInt(0)) {
                    report.add(
                        Rule::Count,
                        "",
                        format!("{:?} active requests at the end", point.value),
                    );
                }
            }
            let points = sum.data_points.iter();
            points.map(|point| point.attributes.as_slice()).collect()
        }
        (data, instrument) => {
            report.add(
                Rule::Instrument,
                "",
                format!("not a {instrument}: {data:?}"),
            );
            return;
        }
    };
    for series in attributes {
        // Reported are the violations by the call that fits best.
        let violations = calls.iter().map(|call| {
            let mut found = Vec::new();
            let mut report = Report {
                place: report.place,
                span: &call.name,
                found: &mut found,
            };
            values::check(model, &rules.attributes, series, call, &mut report);
            found
        });
        if let Some(least) = violations.min_by_key(Vec::len) {
            report.found.extend(least);
        }
    }
}

fn buckets(model: &Model, name: &str, point: &HistogramDataPoint, report: &mut Report<'_>) {
    if let Some(expected) = model.buckets(name)
        && point.explicit_bounds != expected
    {
        report.add(Rule::Buckets, "", format!("{:?}", point.explicit_bounds));
    }
}

/// Checks that series count the calls with their attributes, and sum up the durations of their
/// spans.
fn match_duration(
    metric: &Metric,
    records: &[SpanRecord],
    call: &Expected,
    calls: &[Expected],
    found: &mut Vec<Violation>,
) {
    let Some(Data::Histogram(histogram)) = &metric.data else {
        return;
    };
    let same_side = |record: &&SpanRecord| {
        let kind = record.span.kind().as_str_name();
        kind.ends_with(if call.group.is_server() {
            "SERVER"
        } else {
            "CLIENT"
        })
    };
    let mut report = Report {
        place: &metric.name,
        span: &call.name,
        found,
    };
    let of_group = calls
        .iter()
        .filter(|other| other.group == call.group)
        .count();
    let counted: u64 = histogram.data_points.iter().map(|point| point.count).sum();
    if usize::try_from(counted).ok() != Some(of_group) {
        report.add(Rule::Count, "", format!("{counted}, not {of_group}"));
    }
    for point in &histogram.data_points {
        let spans: Vec<_> = records
            .iter()
            .filter(same_side)
            .filter(|record| {
                point
                    .attributes
                    .iter()
                    .all(|attribute| agrees(record, attribute))
            })
            .collect();
        if usize::try_from(point.count).ok() != Some(spans.len()) {
            let detail = format!(
                "{} spans have the series' attributes, not {}",
                spans.len(),
                point.count
            );
            report.add(Rule::Count, "", detail);
            continue;
        }
        let spent: f64 = spans.iter().map(|record| seconds(record)).sum();
        let in_milliseconds = metric.name == call.group.old_duration();
        let unit = if in_milliseconds { 1000.0 } else { 1.0 };
        let sum = point.sum.unwrap_or(f64::NAN) / unit;
        #[allow(clippy::cast_precision_loss)]
        let near = (sum - spent).abs() <= TOLERANCE * point.count as f64;
        if !near {
            report.add(
                Rule::Duration,
                "",
                format!("{sum} s, and {spent} s by the spans"),
            );
        }
    }
}

/// True if a span has a series' attribute, or if the attribute is of metrics only.
fn agrees(record: &SpanRecord, attribute: &KeyValue) -> bool {
    let of_span = crate::otlp::value(&record.span.attributes, &attribute.key);
    let of_series = attribute
        .value
        .as_ref()
        .and_then(|value| value.value.as_ref());
    match (of_span, of_series) {
        (Some(Value::StringValue(one)), Some(Value::StringValue(other))) => {
            one == other
                || match attribute.key.as_str() {
                    // The old metric has the last part of the current method.
                    "rpc.method" => one.ends_with(&format!("/{other}")),
                    "http.method" => other == "_OTHER" && record.span.name.starts_with("HTTP"),
                    _ => false,
                }
        }
        (None, _) => attribute.key != "error.type" && attribute.key != "http.response.status_code",
        (one, other) => one == other,
    }
}

/// The spans with the slices of a stream merged: the last slice, with the start of the first one.
fn whole_calls(records: &[SpanRecord]) -> Vec<SpanRecord> {
    let number = |record: &SpanRecord| crate::otlp::value(&record.span.attributes, SLICE).cloned();
    let mut whole: Vec<SpanRecord> = Vec::new();
    for record in records {
        let before = whole.iter_mut().find(|before| {
            number(before).is_some()
                && before.span.kind == record.span.kind
                && record
                    .span
                    .links
                    .iter()
                    .any(|link| link.span_id == before.span.span_id)
        });
        match before.filter(|_| number(record).is_some()) {
            Some(before) => {
                let start = before.span.start_time_unix_nano;
                *before = record.clone();
                before.span.start_time_unix_nano = start;
            }
            None => whole.push(record.clone()),
        }
    }
    whole
}

fn seconds(record: &SpanRecord) -> f64 {
    let span = &record.span;
    let nanos = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
