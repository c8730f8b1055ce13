//! Each exporter delivers the same spans to the real Jaeger.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

use std::time::Duration;

use lianlu::otlp::{Compression, Protocol};
use lianlu::{KeyValue, Resource};
use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::peers::peers;
use lianlu_interop::pipeline::Pipeline;
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, Value};

/// Only a hang gets there.
const TIMEOUT: Duration = Duration::from_secs(10);

fn resource(service: &'static str) -> Resource {
    Resource::builder_empty()
        .with_service_name(service)
        .with_attribute(KeyValue::new("exporter", "jaeger"))
        .with_attribute(KeyValue::new("float", 312.23))
        .build()
}

/// A client's span with all kinds of attributes, and a failed child with an event.
fn record(pipeline: &Pipeline) {
    let tracer = pipeline.tracer("interop");
    let span = tracer
        .span_builder("parent")
        .with_kind(SpanKind::Client)
        .with_attributes([
            KeyValue::new("text", "链路"),
            KeyValue::new("int", -7_i64),
            KeyValue::new("double", 0.5),
            KeyValue::new("bool", true),
            KeyValue::new("list", Value::Array(Array::I64(vec![1, 2]))),
        ])
        .start(&tracer);
    let cx = Context::new().with_span(span);
    let mut child = tracer.start_with_context("child", &cx);
    child.add_event("exception", vec![KeyValue::new("exception.message", "no")]);
    child.set_status(Status::error("out of stock"));
    child.end();
    cx.span().end();
    pipeline.flush();
    let counts = pipeline.counts();
    assert_eq!(
        (counts.started, counts.exported, counts.dropped.total()),
        (2, 2, 0)
    );
}

/// `typed` is whether the format has numbers and booleans; Zipkin's has text alone.
fn check(jaeger: &Jaeger, service: &str, typed: bool) {
    let trace = jaeger.trace_of(service, 2);
    let parent = trace
        .spans
        .iter()
        .find(|span| span.name == "parent")
        .unwrap();
    let child = trace
        .spans
        .iter()
        .find(|span| span.name == "child")
        .unwrap();
    assert_eq!(child.parent.as_ref(), Some(&parent.id));
    assert_eq!(parent.text("span.kind"), "client");
    assert_eq!(parent.text("text"), "链路");
    assert_eq!(parent.text("list"), "[1,2]");
    if typed {
        assert_eq!(parent.tags["int"], ("int64".to_owned(), (-7).into()));
        assert_eq!(parent.tags["double"], ("float64".to_owned(), 0.5.into()));
        assert_eq!(parent.tags["bool"], ("bool".to_owned(), true.into()));
        let process = &child.process_tags;
        assert_eq!(process["exporter"], ("string".to_owned(), "jaeger".into()));
        assert_eq!(process["float"], ("float64".to_owned(), 312.23.into()));
    } else {
        assert_eq!(parent.text("int"), "-7");
    }
    assert_eq!(child.tag("error"), &true);
    assert_eq!(child.text("otel.status_description"), "out of stock");
    assert_eq!(child.logs.len(), 1, "{child:#?}");
    let scope = parent.text("otel.scope.name");
    let scope = if scope.is_empty() {
        parent.text("otel.library.name")
    } else {
        scope
    };
    assert_eq!(scope, "interop");
}

#[test]
fn thrift_over_http() {
    let Some(peers) = peers("thrift_over_http") else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let pipeline = Pipeline::new(
        resource("thrift-http"),
        |resource| {
            lianlu::jaeger::pipeline()
                .with_collector_endpoint(jaeger.collector())
                .with_resource(resource)
                .build()
                .unwrap()
        },
        || {
            lianlu_sdk::jaeger::Exporter::collector(
                "a collector",
                &jaeger.collector(),
                None,
                TIMEOUT,
            )
            .unwrap()
        },
    );
    record(&pipeline);
    check(&jaeger, "thrift-http", true);
}

#[test]
fn thrift_over_udp() {
    let Some(peers) = peers("thrift_over_udp") else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let pipeline = Pipeline::new(
        resource("thrift-udp"),
        |resource| {
            lianlu::jaeger::pipeline()
                .with_agent_endpoint(jaeger.agent())
                .with_resource(resource)
                .build()
                .unwrap()
        },
        || lianlu_sdk::jaeger::Exporter::agent("an agent", &jaeger.agent()).unwrap(),
    );
    record(&pipeline);
    check(&jaeger, "thrift-udp", true);
}

/// Over each protocol, with each compression.
fn otlp(jaeger: &Jaeger, protocol: Protocol, endpoint: &str) {
    for (compression, name) in [
        (Compression::None, "none"),
        (Compression::Gzip, "gzip"),
        (Compression::Zstd, "zstd"),
    ] {
        let service: &'static str = format!("{protocol}-{name}").leak();
        let pipeline = Pipeline::new(
            resource(service),
            |resource| {
                lianlu::otlp::pipeline()
                    .with_protocol(protocol)
                    .with_compression(compression)
                    .with_endpoint(endpoint)
                    .with_resource(resource)
                    .build()
                    .unwrap()
            },
            || {
                lianlu_sdk::otlp::Exporter::builder(protocol)
                    .with_compression(compression)
                    .with_endpoint(endpoint)
                    .build()
                    .unwrap()
            },
        );
        record(&pipeline);
        check(jaeger, service, true);
    }
}

#[test]
fn otlp_over_grpc() {
    let Some(peers) = peers("otlp_over_grpc") else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    otlp(&jaeger, Protocol::Grpc, &jaeger.otlp_grpc());
}

#[test]
fn otlp_over_http() {
    let Some(peers) = peers("otlp_over_http") else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    otlp(&jaeger, Protocol::HttpProtobuf, &jaeger.otlp_http());
    otlp(&jaeger, Protocol::HttpJson, &jaeger.otlp_http());
}

#[test]
fn zipkin_json() {
    let Some(peers) = peers("zipkin_json") else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let pipeline = Pipeline::new(
        resource("zipkin"),
        |resource| {
            lianlu::zipkin::pipeline()
                .with_collector_endpoint(jaeger.zipkin())
                .with_resource(resource)
                .build()
                .unwrap()
        },
        || lianlu_sdk::zipkin::Exporter::new("a collector", &jaeger.zipkin(), TIMEOUT).unwrap(),
    );
    record(&pipeline);
    check(&jaeger, "zipkin", false);
}
