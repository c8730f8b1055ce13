//! Each exporter delivers the same spans to the real Jaeger.

use std::time::Duration;

use lianlu::otlp::{Compression, Protocol};
use lianlu::{Guard, KeyValue, Resource};
use lianlu_interop::jaeger::Jaeger;
use lianlu_interop::peers::peers;
use lianlu_interop::pipeline::Pipeline;
use lianlu_sdk::Export;
use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, Value};

/// Makes a hang a failure.
const TIMEOUT: Duration = Duration::from_secs(10);

fn resource(service: &'static str) -> Resource {
    Resource::builder_empty()
        .with_service_name(service)
        .with_attribute(KeyValue::new("exporter", "jaeger"))
        .with_attribute(KeyValue::new("float", 312.23))
        .build()
}

/// Records a client span with attributes of all types, and a failed child with an event.
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

/// `is_typed`: the format has numbers and booleans, unlike Zipkin's.
fn check(jaeger: &Jaeger, service: &str, is_typed: bool) {
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
    if is_typed {
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

/// Records and checks one service.
fn round_trip<E: Export>(
    jaeger: &Jaeger,
    service: &'static str,
    is_typed: bool,
    ours: impl FnOnce(Resource) -> Guard,
    exporter: impl FnOnce() -> E,
) {
    let pipeline = Pipeline::new(resource(service), ours, exporter);
    record(&pipeline);
    check(jaeger, service, is_typed);
}

#[test]
fn thrift_over_http_and_udp_arrives() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    let pipeline = || lianlu::jaeger::pipeline();
    round_trip(
        &jaeger,
        "thrift-http",
        true,
        |resource| {
            let pipeline = pipeline().with_collector_endpoint(jaeger.collector());
            pipeline.with_resource(resource).build().unwrap()
        },
        || {
            let url = jaeger.collector();
            lianlu_sdk::jaeger::Exporter::collector("a collector", &url, None, TIMEOUT).unwrap()
        },
    );
    round_trip(
        &jaeger,
        "thrift-udp",
        true,
        |resource| {
            let pipeline = pipeline().with_agent_endpoint(jaeger.agent());
            pipeline.with_resource(resource).build().unwrap()
        },
        || lianlu_sdk::jaeger::Exporter::agent("an agent", &jaeger.agent()).unwrap(),
    );
}

#[test]
fn otlp_arrives_with_each_protocol_and_compression() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    for (protocol, endpoint) in [
        (Protocol::Grpc, jaeger.otlp_grpc()),
        (Protocol::HttpProtobuf, jaeger.otlp_http()),
        (Protocol::HttpJson, jaeger.otlp_http()),
    ] {
        for (compression, name) in [
            (Compression::None, "none"),
            (Compression::Gzip, "gzip"),
            (Compression::Zstd, "zstd"),
        ] {
            round_trip(
                &jaeger,
                format!("{protocol}-{name}").leak(),
                true,
                |resource| {
                    lianlu::otlp::pipeline()
                        .with_protocol(protocol)
                        .with_compression(compression)
                        .with_endpoint(&endpoint)
                        .with_resource(resource)
                        .build()
                        .unwrap()
                },
                || {
                    lianlu_sdk::otlp::Exporter::builder(protocol)
                        .with_compression(compression)
                        .with_endpoint(&endpoint)
                        .build()
                        .unwrap()
                },
            );
        }
    }
}

#[test]
fn zipkin_json_arrives() {
    let Some(peers) = peers() else {
        return;
    };
    let jaeger = Jaeger::start(&peers);
    round_trip(
        &jaeger,
        "zipkin",
        false,
        |resource| {
            let pipeline = lianlu::zipkin::pipeline().with_collector_endpoint(jaeger.zipkin());
            pipeline.with_resource(resource).build().unwrap()
        },
        || lianlu_sdk::zipkin::Exporter::new("a collector", &jaeger.zipkin(), TIMEOUT).unwrap(),
    );
}
