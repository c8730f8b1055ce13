//! OTLP over HTTP: the request, and the outcome of each response.

use std::io::Read;
use std::time::Duration;

use lianlu_sdk::Failure;
use lianlu_sdk::otlp::{Builder, Compression, Exporter, Protocol};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;

use crate::common::rich::{collected, record, sorted};
use crate::common::{
    PATIENCE, Request, attempt, collector, is_accepted_with_warning, is_lost, pipeline,
};

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn builder(protocol: Protocol, url: &str) -> Builder {
    Exporter::builder(protocol)
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(20))
}

/// The outcome of exporting one span to a collector with this response.
fn outcome(response: &'static [u8]) -> Result<(), Failure> {
    let (address, requests) = collector(response);
    let exporter = builder(Protocol::HttpProtobuf, &format!("http://{address}/path"));
    let result = outcome_of(exporter);
    requests.recv_timeout(PATIENCE).unwrap();
    assert!(requests.try_recv().is_err(), "retried");
    result
}

fn outcome_of(exporter: Builder) -> Result<(), Failure> {
    attempt(exporter.build().unwrap())
}

fn response(status: &str, content_type: &str, body: &[u8]) -> &'static [u8] {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().leak()
}

fn partial(rejected_spans: i64, error_message: &str) -> Vec<u8> {
    ExportTraceServiceResponse {
        partial_success: Some(ExportTracePartialSuccess {
            rejected_spans,
            error_message: error_message.to_owned(),
        }),
    }
    .encode_to_vec()
}

fn decompressed(request: &Request) -> Vec<u8> {
    let mut body = Vec::new();
    match request.header("content-encoding") {
        None => return request.body.clone(),
        Some("gzip") => flate2::read::GzDecoder::new(&*request.body).read_to_end(&mut body),
        Some("zstd") => zstd::stream::Decoder::new(&*request.body)
            .unwrap()
            .read_to_end(&mut body),
        other => panic!("{other:?}"),
    }
    .unwrap();
    assert!(request.body.len() < body.len());
    body
}

#[test]
fn exactly_the_spans_are_posted() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let (address, requests) = collector(ACCEPTED);
            let url = format!("http://ann:secret@{address}");
            let exporter = builder(protocol, &url)
                .with_compression(compression)
                .with_header("x-tenant", "shop");
            let (pipeline, collected) = collected(exporter.build().unwrap());
            record(&pipeline);
            pipeline.handle.flush(PATIENCE).unwrap();
            assert_eq!(pipeline.outcome(), (5, 0));

            let request = requests.recv_timeout(PATIENCE).unwrap();
            let head = &request.head;
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert_eq!(request.header("x-tenant"), Some("shop"));
            let credentials = "Basic YW5uOnNlY3JldA==";
            assert_eq!(request.header("authorization"), Some(credentials));
            let version = env!("CARGO_PKG_VERSION");
            let agent = format!("lianlu/{version} OTel-OTLP-Exporter-Rust/{version}");
            assert_eq!(request.header("user-agent"), Some(agent.as_str()));
            let body = decompressed(&request);
            let content_type = request.header("content-type").unwrap();
            let received = match protocol {
                Protocol::HttpJson => {
                    assert_eq!(content_type, "application/json");
                    serde_json::from_slice(&body).unwrap()
                }
                _ => {
                    assert_eq!(content_type, "application/x-protobuf");
                    ExportTraceServiceRequest::decode(&*body).unwrap()
                }
            };
            assert_eq!(sorted(received), collected.request());
        }
    }
}

#[test]
fn the_path_of_the_request() {
    for (path, exact, wanted) in [
        ("", false, "/v1/traces"),
        ("/mine", false, "/mine"),
        ("", true, "/"),
        ("/mine?k=v", true, "/mine?k=v"),
    ] {
        let (address, requests) = collector(ACCEPTED);
        let url = format!("http://{address}{path}");
        let builder = Exporter::builder(Protocol::HttpProtobuf);
        let builder = match exact {
            true => builder.with_traces_endpoint(url),
            false => builder.with_endpoint(url),
        };
        outcome_of(builder).unwrap();
        let head = requests.recv_timeout(PATIENCE).unwrap().head;
        assert!(head.starts_with(&format!("POST {wanted} ")), "{head}");
    }
}

#[test]
fn an_error_contains_status_and_message() {
    let status = b"\x08\x03\x12\x0bno such day";
    let json = b"{\"code\":3,\"message\":\"no such day\"}";
    for (response, wanted) in [
        (
            response("400 Bad Request", "application/x-protobuf", status),
            "answered 400 Bad Request: no such day",
        ),
        (
            response("400 Bad Request", "application/json", json),
            "answered 400 Bad Request: {\"code\":3,\"message\":\"no such day\"}",
        ),
        (
            response("413 Payload Too Large", "text/plain", b"\n too much \n"),
            "answered 413 Payload Too Large: too much",
        ),
        (
            response("500 Internal Server Error", "x", b""),
            "answered 500 Internal Server Error",
        ),
        (
            response("302 Found\r\nlocation: http://127.0.0.1:1/", "x", b""),
            "answered 302 Found to http://127.0.0.1:1/, which is not followed",
        ),
    ] {
        let error = outcome(response).unwrap_err();
        assert_eq!(error.lost, 1);
        assert!(error.reason.starts_with("http://127.0.0.1:"), "{error}");
        assert!(
            error.reason.ends_with(&format!("/path {wanted}")),
            "{error}"
        );
    }
}

#[test]
fn rejected_spans_are_lost_and_a_warning_loses_none() {
    const JSON: &[u8] =
        b"{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\"too old\"}}";
    let protobuf = partial(1, "too old");
    for response in [
        response("200 OK", "application/x-protobuf", &protobuf),
        response("202 Accepted", "application/json; charset=utf-8", JSON),
    ] {
        is_lost(outcome(response), "rejected spans: too old");
    }
    let warning = partial(0, "use gzip");
    let warned = outcome(response("200 OK", "application/x-protobuf", &warning));
    is_accepted_with_warning(warned, "reported: use gzip");

    // Responses of servers without support for partial success.
    for text in [
        response("200 OK", "text/html", b"<h1>thanks"),
        response("204 No Content", "application/x-protobuf", b""),
    ] {
        outcome(text).unwrap();
    }
    let broken = response("200 OK", "application/x-protobuf", b"<h1>thanks");
    is_accepted_with_warning(outcome(broken), "not an ExportTraceServiceResponse");
}

#[test]
fn a_large_batch_is_several_requests() {
    let (address, requests) = collector(ACCEPTED);
    let url = format!("http://{address}");
    let pipeline = pipeline(builder(Protocol::HttpProtobuf, &url).build().unwrap());
    for _ in 0..100 {
        pipeline.span("large", "x".repeat(100_000));
    }
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (100, 0));
    let mut spans = 0;
    for request in requests.try_iter() {
        assert!(request.body.len() <= 4 * 1024 * 1024);
        let request = ExportTraceServiceRequest::decode(&*request.body).unwrap();
        spans += request.resource_spans[0].scope_spans[0].spans.len();
    }
    assert_eq!(spans, 100);
}
