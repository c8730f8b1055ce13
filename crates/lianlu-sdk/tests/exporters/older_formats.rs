//! Jaeger's and Zipkin's form of a span with every feature.

use std::time::Duration;

use lianlu_sdk::{TracerProvider, jaeger, zipkin};
use lianlu_wire::jaeger::{RefType, SpanRef, Tag, TagValue, decode_batch_binary};
use lianlu_wire::zipkin::{Kind, decode_spans};

use opentelemetry::trace::{Span as _, Status, Tracer as _, TracerProvider as _};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;

use crate::common::rich::{collected, record};
use crate::common::{PATIENCE, collector};

const TIMEOUT: Duration = Duration::from_secs(20);
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn shown(tags: &[Tag<'_>]) -> Vec<String> {
    let text = |tag: &Tag<'_>| match &tag.value {
        TagValue::String(text) => format!("{}={text:?}", tag.key),
        TagValue::Double(value) => format!("{}={value:?}f", tag.key),
        TagValue::Bool(value) => format!("{}={value}", tag.key),
        TagValue::Long(value) => format!("{}={value}", tag.key),
        TagValue::Binary(value) => format!("{}={value:x?}", tag.key),
    };
    tags.iter().map(text).collect()
}

#[test]
fn jaeger() {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{address}/api/traces");
    let exporter = jaeger::Exporter::collector("endpoint", &url, None, TIMEOUT).unwrap();
    let (pipeline, _) = collected(exporter);
    record(&pipeline);
    pipeline.handle.flush(PATIENCE).unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    let batch = decode_batch_binary(&request.body).unwrap();

    assert_eq!(batch.process.service_name, "shop");
    assert_eq!(
        shown(&batch.process.tags),
        ["float=312.23f", "telemetry.distro.name=\"test\""]
    );
    let named = |name: &str| {
        let mut spans = batch.spans.iter();
        spans.find(|span| span.operation_name == name).unwrap()
    };
    let span = named("server");
    assert_eq!(span.trace_id, 1 << 64 | 7);
    assert_eq!(span.parent_span_id, 1);
    assert_eq!(span.flags, 1);
    assert_eq!(span.start_time, 1_764_000_000_123_456);
    assert_eq!(span.duration, 1_500);
    let reference = |id: u64| SpanRef {
        ref_type: RefType::FollowsFrom,
        trace_id: u128::from(id) << 64 | 7,
        span_id: id,
    };
    assert_eq!(span.references, [reference(2), reference(3)]);
    assert_eq!(
        shown(&span.tags),
        [
            "text=\"链路 \\\"quoted\\\" \\u{1b}\"",
            "int=-9223372036854775808",
            "float=0.5f",
            "bool=true",
            "texts=\"[\\\"a\\\",\\\"b\\\\\\\"c\\\",\\\"链路\\\"]\"",
            "ints=\"[1,-2]\"",
            "floats=\"[1.5,2]\"",
            "bools=\"[true,false]\"",
            "scope-key=\"scope-value\"",
            "span.kind=\"server\"",
            "otel.status_code=\"ERROR\"",
            "error=true",
            "otel.status_description=\"no such day\"",
            "otel.scope.name=\"scoped\"",
            "otel.scope.version=\"1.2.3\"",
            "otel.library.name=\"scoped\"",
            "otel.library.version=\"1.2.3\"",
            "w3c.tracestate=\"vendor=a-b,other=1\"",
            "otel.dropped_attributes_count=1",
            "otel.dropped_events_count=1",
            "otel.dropped_links_count=1",
        ]
    );
    let logs: Vec<_> = span
        .logs
        .iter()
        .map(|log| (log.timestamp, shown(&log.fields)))
        .collect();
    let log = |name: &str| {
        let fields = [
            format!("event={name:?}"),
            format!("event-key={name:?}"),
            "flag=false".to_owned(),
            "otel.dropped_attributes_count=1".to_owned(),
        ];
        (1_764_000_000_124_456, fields.to_vec())
    };
    assert_eq!(logs, [log("first"), log("second")]);

    for (name, wanted) in [
        (
            "client",
            &["span.kind=\"client\"", "otel.status_code=\"OK\""][..],
        ),
        (
            "producer",
            &[
                "span.kind=\"producer\"",
                "otel.status_code=\"ERROR\"",
                "error=true",
            ],
        ),
        ("consumer", &["span.kind=\"consumer\""]),
        ("internal", &["span.kind=\"internal\""]),
    ] {
        let span = named(name);
        assert_eq!(span.parent_span_id, 0);
        let scope = ["otel.scope.name=\"plain\"", "otel.library.name=\"plain\""];
        assert_eq!(shown(&span.tags), [wanted, &scope].concat());
    }
}

#[test]
fn zipkin() {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{address}/api/v2/spans");
    let (pipeline, _) = collected(zipkin::Exporter::new("endpoint", &url, TIMEOUT).unwrap());
    record(&pipeline);
    pipeline.handle.flush(PATIENCE).unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    let spans = decode_spans(&request.body).unwrap();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();

    let span = named("server");
    assert_eq!(span.trace_id, 1 << 64 | 7);
    assert_eq!(span.parent_id, Some(1));
    assert_eq!(span.kind, Some(Kind::Server));
    assert_eq!(span.timestamp, Some(1_764_000_000_123_456));
    assert_eq!(span.duration, Some(1_500));
    assert_eq!(span.local_endpoint.service_name, "shop");
    let tags: Vec<_> = span
        .tags
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(
        tags,
        [
            "text=链路 \"quoted\" \u{1b}",
            "int=-9223372036854775808",
            "float=0.5",
            "bool=true",
            "texts=[\"a\",\"b\\\"c\",\"链路\"]",
            "ints=[1,-2]",
            "floats=[1.5,2]",
            "bools=[true,false]",
            "scope-key=scope-value",
            "otel.status_code=ERROR",
            "error=no such day",
            "otel.status_description=no such day",
            "otel.scope.name=scoped",
            "otel.scope.version=1.2.3",
            "otel.library.name=scoped",
            "otel.library.version=1.2.3",
            "otel.dropped_attributes_count=1",
            "otel.dropped_events_count=1",
            "otel.dropped_links_count=1",
        ]
    );
    let annotations: Vec<_> = span
        .annotations
        .iter()
        .map(|it| (it.timestamp, it.value.as_ref()))
        .collect();
    let at = 1_764_000_000_124_456;
    let [first, second] = ["first", "second"].map(|name| {
        let attributes = format!("\"event-key\":\"{name}\",\"flag\":false");
        format!("\"{name}\":{{{attributes},\"otel.dropped_attributes_count\":1}}")
    });
    assert_eq!(annotations, [(at, &*first), (at, &*second)]);

    let client = named("client");
    assert_eq!(client.kind, Some(Kind::Client));
    assert_eq!(client.parent_id, None);
    assert!(
        client
            .tags
            .contains(&("otel.status_code".into(), "OK".into()))
    );
    let producer = named("producer");
    assert_eq!(producer.kind, Some(Kind::Producer));
    assert!(producer.tags.contains(&("error".into(), "".into())));
    assert_eq!(named("consumer").kind, Some(Kind::Consumer));
    assert_eq!(named("internal").kind, None);
}

#[test]
fn own_tags_and_attributes_of_the_span_go_before_those_of_the_scope() {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{address}/path");
    let resource = Resource::builder_empty().with_service_name("shop");
    let resource = resource.with_attribute(KeyValue::new("service.namespace", "asia"));
    let provider = TracerProvider::builder()
        .with_exporter(jaeger::Exporter::collector("endpoint", &url, None, TIMEOUT).unwrap())
        .with_exporter(zipkin::Exporter::new("endpoint", &url, TIMEOUT).unwrap())
        .with_resource(resource.build())
        .build()
        .unwrap();
    let attributes = ["error", "key", "own"].map(|key| KeyValue::new(key, "scope"));
    let scope = InstrumentationScope::builder("s").with_attributes(attributes);
    let mut span = provider.tracer_with_scope(scope.build()).start("span");
    span.set_attributes(["error", "key"].map(|key| KeyValue::new(key, "span")));
    span.set_status(Status::error("boom"));
    span.end();
    provider.flush(PATIENCE).unwrap();
    let mut thrift = Vec::new();
    let mut json = Vec::new();
    for request in [(); 2].map(|()| requests.recv_timeout(PATIENCE).unwrap()) {
        match request.header("content-type") {
            Some("application/json") => json = request.body,
            _ => thrift = request.body,
        }
    }
    let batch = decode_batch_binary(&thrift).unwrap();
    assert_eq!(
        shown(&batch.spans[0].tags),
        [
            "key=\"span\"",
            "own=\"scope\"",
            "span.kind=\"internal\"",
            "otel.status_code=\"ERROR\"",
            "error=true",
            "otel.status_description=\"boom\"",
            "otel.scope.name=\"s\"",
            "otel.library.name=\"s\"",
        ]
    );
    let tags = &decode_spans(&json).unwrap()[0].tags;
    let tags: Vec<_> = tags.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(
        tags,
        [
            ("key", "span"),
            ("own", "scope"),
            ("service.namespace", "asia"),
            ("otel.status_code", "ERROR"),
            ("error", "boom"),
            ("otel.status_description", "boom"),
            ("otel.scope.name", "s"),
            ("otel.library.name", "s"),
        ]
    );
}
