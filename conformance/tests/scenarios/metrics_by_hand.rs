//! Proves that the harness finds wrong metrics: metrics made by hand, through the same collector
//! and checker.

use std::time::{Duration, SystemTime};

use lianlu_conformance::{Expected, Group, Model, Rule};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::{Span, SpanKind, Tracer};
use opentelemetry::{InstrumentationScope, KeyValue};

use crate::harness::Harness;

const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The violations of a span of 0.25 s with a metric of `seconds`.
async fn rules(unit: &'static str, seconds: f64) -> Vec<Rule> {
    let harness = Harness::new().await;
    let scope = InstrumentationScope::builder("lianlu")
        .with_version("1")
        .with_schema_url("https://opentelemetry.io/schemas/1.44.0")
        .build();
    let both = [
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", "shop.Orders/Get"),
        KeyValue::new("rpc.response.status_code", "OK"),
    ];
    let start = SystemTime::now();
    let tracer = harness.tracer(scope.clone());
    let mut span = tracer
        .span_builder("shop.Orders/Get")
        .with_kind(SpanKind::Server)
        .with_start_time(start)
        .with_attributes(both.clone())
        .start(&tracer);
    span.end_with_timestamp(start + Duration::from_millis(250));
    let histogram = harness
        .meters
        .meter_with_scope(scope)
        .f64_histogram("rpc.server.call.duration")
        .with_unit(unit)
        .with_boundaries(BUCKETS.to_vec())
        .build();
    histogram.record(seconds, &both);
    let call = Expected::rpc(Group::RpcServer, "shop.Orders/Get").rpc_status("OK");
    let found = harness.check(&Model::bundled().unwrap(), &[call]).await;
    found.into_iter().map(|violation| violation.rule).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correct_metric_has_no_violations() {
    assert_eq!(rules("s", 0.25).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_unit_and_duration_are_found() {
    assert_eq!(rules("ms", 250.0).await, [Rule::Unit, Rule::Duration]);
}
