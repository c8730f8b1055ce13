//! A metric that is right, and each way to be wrong.
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

/// The quarter of a second that [`server`]'s span took.
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

fn active(left: i64) -> Metric {
    Metric {
        name: "http.server.active_requests".to_owned(),
        unit: "{request}".to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: vec![NumberDataPoint {
                attributes: vec![
                    text("http.request.method", "GET"),
                    text("url.scheme", "http"),
                ],
                value: Some(number_data_point::Value::AsInt(left)),
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

fn said(metrics: Vec<Metric>, call: Expected) -> Vec<String> {
    said_of(&request(metrics), call)
}

fn said_of(request: &ExportMetricsServiceRequest, call: Expected) -> Vec<String> {
    let model = Model::bundled().unwrap();
    let found = check_metrics(&model, std::slice::from_ref(request), &[server()], &[call]);
    let said = found.into_iter();
    said.map(|violation| format!("{:?} {}", violation.rule, violation.attribute))
        .collect()
}

fn wrong(change: impl FnOnce(&mut Metric)) -> Vec<String> {
    let mut metric = duration();
    change(&mut metric);
    said(vec![metric], call())
}

fn wrong_point(change: impl FnOnce(&mut HistogramDataPoint)) -> Vec<String> {
    wrong(|metric| {
        let Some(Data::Histogram(histogram)) = &mut metric.data else {
            unreachable!()
        };
        change(&mut histogram.data_points[0]);
    })
}

#[test]
fn what_is_right_is_right() {
    assert_eq!(said(vec![duration()], call()), [""; 0]);
    let call = call().opt_in("http.server.active_requests");
    assert_eq!(said(vec![duration(), active(0)], call), [""; 0]);
}

#[test]
fn metrics_that_are_not_there_or_too_many() {
    assert_eq!(said(vec![], call()), ["NoMetric "]);
    assert_eq!(said(vec![duration(), active(0)], call()), ["StrayMetric "]);
    let asked = call().opt_in("http.server.active_requests");
    assert_eq!(said(vec![duration()], asked), ["NoMetric "]);
    let named = wrong(|metric| metric.name = "http.server.duration".to_owned());
    assert_eq!(named, ["StrayMetric ", "NoMetric "]);
}

#[test]
fn unit_instrument_and_scope() {
    assert_eq!(wrong(|metric| metric.unit = "ms".to_owned()), ["Unit "]);
    let gauge = Some(Data::Gauge(Gauge::default()));
    assert_eq!(wrong(|metric| metric.data = gauge), ["Instrument "]);
    let mut request = request(vec![duration()]);
    request.resource_metrics[0].scope_metrics[0]
        .schema_url
        .clear();
    assert_eq!(said_of(&request, call()), ["Scope "]);
}

#[test]
fn buckets_counts_and_sums() {
    assert_eq!(
        wrong_point(|point| point.explicit_bounds = vec![0.0, 5.0]),
        ["Buckets "]
    );
    assert_eq!(wrong_point(|point| point.count = 2), ["Count ", "Count "]);
    assert_eq!(wrong_point(|point| point.sum = Some(0.2501)), ["Duration "]);
    assert_eq!(wrong_point(|point| point.sum = None), ["Duration "]);
}

#[test]
fn attributes_of_a_series() {
    for (attribute, expected) in [
        (text("url.path", "/orders/7"), "Unlisted url.path"),
        (
            text("server.address", "127.0.0.1"),
            "NotOptedIn server.address",
        ),
    ] {
        let said = wrong_point(|point| point.attributes.push(attribute));
        assert_eq!(said, [expected]);
    }
    for attribute in point().attributes {
        let key = attribute.key;
        let said = wrong_point(|point| point.attributes.retain(|known| known.key != key));
        assert_eq!(said, [format!("Missing {key}")]);
    }
}

/// The metric's error is the span's.
#[test]
fn one_error_for_both() {
    let said = wrong_point(|point| {
        point.attributes.retain(|known| known.key != "error.type");
        point.attributes.push(text("error.type", "_OTHER"));
    });
    assert_eq!(said, ["Value error.type", "Count "]);
}

#[test]
fn what_is_still_active() {
    let call = call().opt_in("http.server.active_requests");
    assert_eq!(said(vec![duration(), active(1)], call.clone()), ["Count "]);
    let mut monotonic = active(0);
    let Some(Data::Sum(sum)) = &mut monotonic.data else {
        unreachable!()
    };
    sum.is_monotonic = true;
    assert_eq!(said(vec![duration(), monotonic], call), ["Instrument "]);
}
