//! OTLP over gRPC, to a collector based on tonic and OpenTelemetry's generated code.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lianlu_sdk::otlp::{Builder, Compression, Exporter, Protocol};
use lianlu_sdk::{Batch, Export, Failure};
use prost::Message;

use crate::common::grpc::{Collector, accepted, partial};
use crate::common::rich::{collected, record, sorted};
use crate::common::{PATIENCE, attempt, is_accepted_with_warning, is_lost, pipeline};

fn builder(url: &str) -> Builder {
    Exporter::builder(Protocol::Grpc)
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(20))
}

fn exporter(url: &str) -> Exporter {
    builder(url).build().unwrap()
}

#[test]
fn exactly_the_spans_arrive() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let collector = Collector::start(accepted);
        let exporter = builder(&collector.url()).with_compression(compression);
        let (pipeline, collected) = collected(exporter.build().unwrap());
        record(&pipeline);
        pipeline.handle.flush(PATIENCE).unwrap();
        assert_eq!(pipeline.outcome(), (5, 0));
        let received = collector.requests.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sorted(received.message), collected.request());
        let encoding = received.metadata.get("grpc-encoding");
        let encoding = encoding.map_or("none", |it| it.to_str().unwrap());
        assert_eq!(encoding, compression.as_str());
        assert!(collector.requests.try_recv().is_err(), "sent twice");
    }
}

#[test]
fn headers_arrive() {
    let collector = Collector::start(accepted);
    let url = format!("http://ann:secret@{}", collector.address);
    let exporter = builder(&url)
        .with_header("x-tenant", "another")
        .with_header("x-tenant", "shop");
    attempt(exporter.build().unwrap()).unwrap();
    let metadata = collector
        .requests
        .recv_timeout(PATIENCE)
        .unwrap()
        .metadata
        .into_headers();
    assert_eq!(metadata["x-tenant"], "shop");
    assert_eq!(metadata["authorization"], "Basic YW5uOnNlY3JldA==");
    let agent = metadata["user-agent"].to_str().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let wanted = format!("lianlu/{version} OTel-OTLP-Exporter-Rust/{version} ");
    assert!(agent.starts_with(&wanted), "{agent}");
}

#[test]
fn rejected_spans_are_lost_and_a_warning_loses_none() {
    let rejecting = Collector::start(|| partial(1, "too old"));
    let wanted = format!("http://{}/ rejected spans: too old", rejecting.address);
    is_lost(attempt(exporter(&rejecting.url())), &wanted);

    let all_and_more = Collector::start(|| partial(99, ""));
    is_lost(attempt(exporter(&all_and_more.url())), "rejected spans");

    let warning = Collector::start(|| partial(0, "use gzip"));
    is_accepted_with_warning(attempt(exporter(&warning.url())), " reported: use gzip");

    for collector in [&rejecting, &all_and_more, &warning] {
        assert_eq!(collector.requests.try_iter().count(), 1, "retried");
    }
}

#[test]
fn a_large_batch_is_several_requests() {
    // The collector has the default limit of 4 MiB.
    let collector = Collector::start(accepted);
    let pipeline = pipeline(exporter(&collector.url()));
    for _ in 0..100 {
        pipeline.span("large", "x".repeat(100_000));
    }
    pipeline.span("too large", "x".repeat(5_000_000));
    for _ in 0..100 {
        pipeline.span("large", "x".repeat(100_000));
    }
    let error = pipeline.handle.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("OUT_OF_RANGE"), "{error}");
    assert_eq!(pipeline.outcome(), (200, 1));
    let received = collector.requests.try_iter();
    let spans = received.map(|it| it.message.resource_spans[0].scope_spans[0].spans.len());
    assert_eq!(spans.sum::<usize>(), 200);
}

#[test]
fn the_largest_request_is_an_option() {
    let grpc = Collector::start(accepted);
    let ok: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (http, requests) = crate::common::collector(ok);
    for (protocol, url) in [
        (Protocol::Grpc, grpc.url()),
        (Protocol::HttpProtobuf, format!("http://{http}")),
        (Protocol::HttpJson, format!("http://{http}")),
    ] {
        let builder = Exporter::builder(protocol).with_endpoint(url);
        let builder = builder.with_compression(Compression::Gzip);
        let pipeline = pipeline(builder.with_max_request_size(20_000).build().unwrap());
        for _ in 0..30 {
            // Six bytes each in JSON.
            pipeline.span("fits", "\u{1}".repeat(1000));
        }
        pipeline.span("too large", "x".repeat(20_000));
        pipeline.span("fits", "text");
        let error = pipeline.handle.flush(PATIENCE).unwrap_err().to_string();
        let reason = "is larger than the largest request of 20000 bytes";
        assert!(error.contains(reason), "{protocol}: {error}");
        assert_eq!(pipeline.outcome(), (31, 1), "{protocol}");
    }
    let messages = grpc.requests.try_iter().map(|it| it.message);
    let lengths: Vec<_> = messages.map(|message| message.encoded_len()).collect();
    assert!(
        lengths.iter().all(|length| *length <= 20_000),
        "{lengths:?}"
    );
    assert!(lengths.len() < 6 && requests.try_iter().count() < 25);
}

#[test]
fn the_largest_response_is_an_option() {
    let grpc = Collector::start(|| partial(0, "x".repeat(100)));
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\n";
    let response = format!("{head}{}", "x".repeat(100)).leak();
    let (http, _requests) = crate::common::collector(response.as_bytes());
    for (protocol, url) in [
        (Protocol::Grpc, grpc.url()),
        (Protocol::HttpProtobuf, format!("http://{http}")),
    ] {
        let builder = Exporter::builder(protocol).with_endpoint(url);
        let exporter = builder.with_max_response_size(99).build().unwrap();
        is_accepted_with_warning(attempt(exporter), "the response ");
    }
}

#[test]
fn a_restarted_collector_loses_no_span() {
    let first = Collector::start(accepted);
    let address = first.address;
    let pipeline = pipeline(exporter(&first.url()));
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    first.stop();
    let second = Collector::start_at(address, accepted);
    pipeline.span("two", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(second.requests.try_iter().count(), 1);
    assert_eq!(pipeline.outcome(), (2, 0));
}

/// An exporter that the test can take back.
#[derive(Clone)]
struct Shared(Arc<Mutex<Option<Exporter>>>);

impl Export for Shared {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.lock().unwrap().as_mut().unwrap().export(batch)
    }
}

#[tokio::test]
async fn a_connected_exporter_can_be_dropped_in_a_runtime() {
    let collector = Collector::start(accepted);
    let exporter = Shared(Arc::new(Mutex::new(Some(exporter(&collector.url())))));
    let pipeline = pipeline(exporter.clone());
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (1, 0));
    drop(exporter.0.lock().unwrap().take());
}
