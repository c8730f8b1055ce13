//! Valid metrics, and each violation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, number_data_point,
};

use crate::spans_tests::{call, int, server, text};
use crate::{Expected, Model, check_metrics};

const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The duration of [`server`], a quarter of a second.
fn duration() -> Metric {
    Metric {
        name: "http.server.request.duration".to_owned(),
        unit: "s".to_owned(),
        data: Some(Data::Histogram(Histogram {
            data_points: vec![point()],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
        })),
        ..Metric::default()
    }
}

fn point() -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: vec![
            text("http.request.method", "GET"),
            text("url.scheme", "http"),
            text("http.route", "/orders/{id}"),
            text("network.protocol.version", "1.1"),
            int("http.response.status_code", 500),
            text("error.type", "500"),
        ],
        count: 1,
        sum: Some(0.25),
        explicit_bounds: BUCKETS.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn active(count: i64) -> Metric {
    Metric {
        name: "http.server.active_requests".to_owned(),
        unit: "{request}".to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: vec![NumberDataPoint {
                attributes: vec![
                    text("http.request.method", "GET"),
                    text("url.scheme", "http"),
                ],
                value: Some(number_data_point::Value::AsInt(count)),
                ..NumberDataPoint::default()
            }],
            aggregation_temporality: AggregationTemporality::Cumulative as i32,
            is_monotonic: false,
        })),
        ..Metric::default()
    }
}

fn request(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![ScopeMetrics {
                scope: Some(InstrumentationScope {
                    name: "test".to_owned(),
                    version: "1".to_owned(),
                    ..InstrumentationScope::default()
                }),
                metrics,
                schema_url: "https://opentelemetry.io/schemas/1.44.0".to_owned(),
            }],
            ..ResourceMetrics::default()
        }],
    }
}

fn violations(metrics: Vec<Metric>, call: Expected) -> Vec<String> {
    violations_of(&request(metrics), call)
}

fn violations_of(request: &ExportMetricsServiceRequest, call: Expected) -> Vec<String> {
    let model = Model::bundled().unwrap();
    let found = check_metrics(&model, std::slice::from_ref(request), &[server()], &[call]);
    let found = found.into_iter();
    found
        .map(|violation| format!("{:?} {}", violation.rule, violation.attribute))
        .collect()
}

fn violations_after(change: impl FnOnce(&mut Metric)) -> Vec<String> {
    let mut metric = duration();
    change(&mut metric);
    violations(vec![metric], call())
}

fn violations_after_point(change: impl FnOnce(&mut HistogramDataPoint)) -> Vec<String> {
    violations_after(|metric| {
        let Some(Data::Histogram(histogram)) = &mut metric.data else {
            unreachable!()
        };
        change(&mut histogram.data_points[0]);
    })
}

#[test]
fn valid_metrics_have_no_violations() {
    assert_eq!(violations(vec![duration()], call()), [""; 0]);
    let call = call().opt_in("http.server.active_requests");
    assert_eq!(violations(vec![duration(), active(0)], call), [""; 0]);
}

#[test]
fn missing_and_stray_metrics_are_violations() {
    assert_eq!(violations(vec![], call()), ["NoMetric "]);
    assert_eq!(
        violations(vec![duration(), active(0)], call()),
        ["StrayMetric "]
    );
    let opted_in = call().opt_in("http.server.active_requests");
    assert_eq!(violations(vec![duration()], opted_in), ["NoMetric "]);
    let named = violations_after(|metric| metric.name = "http.server.duration".to_owned());
    assert_eq!(named, ["StrayMetric ", "NoMetric "]);
}

#[test]
fn unit_instrument_and_scope_are_checked() {
    assert_eq!(
        violations_after(|metric| metric.unit = "ms".to_owned()),
        ["Unit "]
    );
    let gauge = Some(Data::Gauge(Gauge::default()));
    assert_eq!(
        violations_after(|metric| metric.data = gauge),
        ["Instrument "]
    );
    let mut request = request(vec![duration()]);
    request.resource_metrics[0].scope_metrics[0]
        .schema_url
        .clear();
    assert_eq!(violations_of(&request, call()), ["Scope "]);
}

#[test]
fn buckets_counts_and_sums_are_checked() {
    assert_eq!(
        violations_after_point(|point| point.explicit_bounds = vec![0.0, 5.0]),
        ["Buckets "]
    );
    assert_eq!(
        violations_after_point(|point| point.count = 2),
        ["Count ", "Count "]
    );
    assert_eq!(
        violations_after_point(|point| point.sum = Some(0.2501)),
        ["Duration "]
    );
    assert_eq!(
        violations_after_point(|point| point.sum = None),
        ["Duration "]
    );
}

#[test]
fn attributes_of_a_series_are_checked() {
    for (attribute, expected) in [
        (text("url.path", "/orders/7"), "Unlisted url.path"),
        (
            text("server.address", "127.0.0.1"),
            "NotOptedIn server.address",
        ),
    ] {
        let found = violations_after_point(|point| point.attributes.push(attribute));
        assert_eq!(found, [expected]);
    }
    for attribute in point().attributes {
        let key = attribute.key;
        let found =
            violations_after_point(|point| point.attributes.retain(|known| known.key != key));
        assert_eq!(found, [format!("Missing {key}")]);
    }
}

#[test]
fn the_error_type_must_be_that_of_the_span() {
    let found = violations_after_point(|point| {
        point.attributes.retain(|known| known.key != "error.type");
        point.attributes.push(text("error.type", "_OTHER"));
    });
    assert_eq!(found, ["Value error.type", "Count "]);
}

#[test]
fn active_requests_at_the_end_are_violations() {
    let call = call().opt_in("http.server.active_requests");
    assert_eq!(
        violations(vec![duration(), active(1)], call.clone()),
        ["Count "]
    );
    let mut monotonic = active(0);
    let Some(Data::Sum(sum)) = &mut monotonic.data else {
        unreachable!()
    };
    sum.is_monotonic = true;
    assert_eq!(
        violations(vec![duration(), monotonic], call),
        ["Instrument "]
    );
}
