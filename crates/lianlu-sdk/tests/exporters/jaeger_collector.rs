//! Thrift over HTTP: the request, and the outcome of each response.

use std::time::Duration;

use lianlu_sdk::jaeger::Exporter;
use lianlu_sdk::{FlushError, PipelineEvent, TracerProvider};
use lianlu_wire::jaeger::{TagValue, decode_batch_binary};
use opentelemetry::Context;
use opentelemetry::trace::{
    Span as _, SpanContext, TraceContextExt, TraceFlags, TraceState, Tracer as _,
    TracerProvider as _,
};

use crate::common::{PATIENCE, collector, pipeline};

const TIMEOUT: Duration = Duration::from_secs(20);
const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const REJECTED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn exporter(endpoint: &str, user: Option<(&str, &str)>) -> Exporter {
    Exporter::collector("endpoint", endpoint, user, TIMEOUT).unwrap()
}

#[test]
fn a_batch_is_posted_as_binary_thrift() {
    let (address, requests) = collector(ACCEPTED);
    let pipeline = pipeline(exporter(
        &format!("http://{address}/api/traces"),
        Some(("ann", "pass:word")),
    ));
    pipeline.span("one", "text");
    pipeline.span("two", 7_i64);
    pipeline.handle.flush(PATIENCE).unwrap();

    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert!(request.head.starts_with("POST /api/traces HTTP/1.1"));
    assert_eq!(request.header("content-type"), Some("application/x-thrift"));
    let credentials = "Basic YW5uOnBhc3M6d29yZA==";
    assert_eq!(request.header("authorization"), Some(credentials));
    let batch = decode_batch_binary(&request.body).unwrap();
    assert_eq!(batch.process.service_name, "shop");
    assert_eq!(batch.process.tags[0].value, TagValue::Double(312.23));
    let names: Vec<_> = batch
        .spans
        .iter()
        .map(|span| &*span.operation_name)
        .collect();
    assert_eq!(names, ["one", "two"]);
    let value = |index: usize| {
        let span: &lianlu_wire::jaeger::Span<'_> = &batch.spans[index];
        span.tags
            .iter()
            .find(|tag| tag.key == "key")
            .unwrap()
            .value
            .clone()
    };
    assert_eq!(value(0), TagValue::String("text".into()));
    assert_eq!(value(1), TagValue::Long(7));
    assert_eq!(pipeline.outcome(), (2, 0));
}

#[test]
fn an_error_response_is_counted_with_its_message() {
    let (address, _requests) = collector(
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\nconnection: close\r\n\r\nno such day",
    );
    let pipeline = pipeline(exporter(
        &format!("http://u:secret@{address}/api/traces"),
        None,
    ));
    pipeline.span("one", "text");
    let FlushError::Lost { lost, reason } = pipeline.handle.flush(PATIENCE).unwrap_err() else {
        panic!("not lost");
    };
    assert_eq!(lost, 1);
    assert!(
        reason.contains("400") && reason.contains("no such day"),
        "{reason}"
    );
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(pipeline.outcome(), (0, 1));
}

#[test]
fn rejections_are_reported_once_and_counted() {
    let (address, _requests) = collector(REJECTED);
    let pipeline = pipeline(exporter(&format!("http://{address}/api/traces"), None));
    for _ in 0..3 {
        pipeline.span("one", "text");
        assert!(pipeline.handle.flush(PATIENCE).is_err());
    }
    assert_eq!(pipeline.outcome(), (0, 3));
    let reported: Vec<_> = pipeline.events.try_iter().collect();
    assert!(
        matches!(reported.as_slice(), [PipelineEvent::ExportFailing { .. }]),
        "{reported:?}"
    );
}

/// The W3C flag for random ids is Jaeger's debug flag, which would keep the trace regardless of
/// sampling.
#[test]
fn the_random_flag_is_not_the_debug_flag() {
    let (address, requests) = collector(ACCEPTED);
    let provider = TracerProvider::builder()
        .with_exporter(exporter(&format!("http://{address}/api/traces"), None))
        .build()
        .unwrap();
    let flags = TraceFlags::new(3);
    let parent = SpanContext::new(7.into(), 8.into(), flags, true, TraceState::NONE);
    let parent = Context::new().with_remote_span_context(parent);
    let tracer = provider.tracer("test");
    tracer.start_with_context("span", &parent).end();
    provider.flush(PATIENCE).unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    let batch = decode_batch_binary(&request.body).unwrap();
    assert_eq!(batch.spans[0].flags, 1);
}
