//! The pipeline works without an async runtime, within any, and after one has ended.

use std::time::{Duration, Instant};

use lianlu_sdk::otlp::{Exporter, Protocol};
use lianlu_sdk::{FlushError, Health, OptionError};

use crate::common::{PATIENCE, collector, pipeline, unused_address};

/// How long to wait for an unreachable collector.
const SHORT: Duration = Duration::from_millis(300);

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn exporter(protocol: Protocol, url: &str) -> Result<Exporter, OptionError> {
    Exporter::builder(protocol).with_endpoint(url).build()
}

/// After a shutdown that timed out, the last attempt may still be running.
fn final_outcome(pipeline: &crate::common::Pipeline) -> (u64, u64) {
    let end = Instant::now() + PATIENCE;
    while pipeline.handle.health() != Health::Stopped && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    pipeline.outcome()
}

#[test]
fn no_runtime() {
    let (address, requests) = collector(ACCEPTED);
    let exporter = exporter(Protocol::HttpProtobuf, &format!("http://{address}")).unwrap();
    let pipeline = pipeline(exporter);
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    let request = requests.recv_timeout(PATIENCE).unwrap();
    assert!(
        request.head.starts_with("POST /v1/traces "),
        "{}",
        request.head
    );
    assert_eq!(pipeline.outcome(), (1, 0));
}

#[test]
fn grpc_without_a_runtime_and_without_a_collector() {
    let exporter = exporter(Protocol::Grpc, &format!("http://{}", unused_address())).unwrap();
    let pipeline = pipeline(exporter);
    pipeline.span("one", "text");
    let error = pipeline.handle.flush(SHORT).unwrap_err();
    let FlushError::Timeout { waiting: 1, reason } = error else {
        panic!("{error}");
    };
    assert!(reason.unwrap().contains("refused"));
    assert!(pipeline.handle.shutdown(SHORT).is_err());
    assert_eq!(final_outcome(&pipeline), (0, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn made_and_flushed_on_a_current_thread_runtime() {
    let (address, _requests) = collector(ACCEPTED);
    let exporter = exporter(Protocol::HttpProtobuf, &format!("http://{address}")).unwrap();
    let pipeline = pipeline(exporter);
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn grpc_made_and_dropped_inside_a_runtime() {
    let exporter = exporter(Protocol::Grpc, &format!("http://{}", unused_address())).unwrap();
    let pipeline = pipeline(exporter);
    tokio::spawn(async move {
        pipeline.span("one", "text");
        assert!(pipeline.handle.shutdown(SHORT).is_err());
        assert_eq!(final_outcome(&pipeline), (0, 1));
    })
    .await
    .unwrap();
}

#[test]
fn works_after_a_runtime_has_ended() {
    let (address, _requests) = collector(ACCEPTED);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pipeline = runtime.block_on(async {
        let exporter = exporter(Protocol::HttpProtobuf, &format!("http://{address}")).unwrap();
        let pipeline = pipeline(exporter);
        pipeline.span("one", "text");
        pipeline
    });
    drop(runtime);
    pipeline.handle.shutdown(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (1, 0));
}

#[tokio::test]
async fn a_bad_endpoint_inside_a_runtime_is_an_error() {
    let error = exporter(Protocol::Grpc, "non sense").unwrap_err();
    assert!(error.to_string().starts_with("with_endpoint: "), "{error}");
    // A valid exporter may be dropped here, too.
    drop(exporter(Protocol::Grpc, "http://localhost:4317").unwrap());
}
