//! OTLP over gRPC, to a collector made of tonic and OpenTelemetry's generated code.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::grpc::{Collector, partial, taken};
use common::rich::{kept, record, sorted};
use common::{PATIENCE, nobody, pipeline, watched};
use lianlu_sdk::otlp::{Builder, Compression, Exporter, Protocol};
use lianlu_sdk::{Batch, Export, Failure};
use tonic::{Code, Status};

fn builder(url: &str) -> Builder {
    Exporter::builder(Protocol::Grpc)
        .with_endpoint(url)
        .with_timeout(Duration::from_secs(20))
}

fn exporter(url: &str) -> Exporter {
    builder(url).build().unwrap()
}

/// How one span's export goes.
fn outcome(exporter: Exporter) -> Result<(), Failure> {
    let (exporter, results) = watched(exporter);
    let pipeline = pipeline(exporter);
    pipeline.span("one", "text");
    let _ = pipeline.handle.flush(PATIENCE);
    let result = results.recv_timeout(PATIENCE).unwrap();
    let lost = result.as_ref().err().map_or(0, |failure| failure.lost);
    assert_eq!(pipeline.outcome(), (1 - lost as u64, lost as u64));
    result
}

fn failure(exporter: Exporter, parts: &[&str]) {
    let failure = outcome(exporter).unwrap_err();
    assert_eq!(failure.lost, 1);
    for part in parts {
        assert!(failure.reason.contains(part), "no {part}: {failure}");
    }
}

#[test]
fn exactly_the_spans_arrive() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let collector = Collector::start(taken);
        let exporter = builder(&collector.url()).with_compression(compression);
        let (pipeline, kept) = kept(exporter.build().unwrap());
        record(&pipeline);
        pipeline.handle.flush(PATIENCE).unwrap();
        assert_eq!(pipeline.outcome(), (5, 0));
        let received = collector.requests.recv_timeout(PATIENCE).unwrap();
        assert_eq!(sorted(received.message), kept.request());
        let encoding = received.metadata.get("grpc-encoding");
        let encoding = encoding.map_or("none", |it| it.to_str().unwrap());
        assert_eq!(encoding, compression.as_str());
        assert!(collector.requests.try_recv().is_err(), "sent twice");
    }
}

#[test]
fn headers_arrive() {
    let collector = Collector::start(taken);
    let url = format!("http://ann:secret@{}", collector.address);
    let exporter = builder(&url)
        .with_header("x-tenant", "another")
        .with_header("x-tenant", "shop");
    outcome(exporter.build().unwrap()).unwrap();
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
    let error = outcome(exporter(&rejecting.url())).unwrap_err();
    assert_eq!(error.lost, 1);
    let wanted = format!("http://{}/ rejected spans: too old", rejecting.address);
    assert_eq!(error.reason, wanted);

    let all_and_more = Collector::start(|| partial(99, ""));
    assert_eq!(outcome(exporter(&all_and_more.url())).unwrap_err().lost, 1);

    let warning = Collector::start(|| partial(0, "use gzip"));
    let error = outcome(exporter(&warning.url())).unwrap_err();
    assert_eq!(error.lost, 0);
    assert!(error.reason.ends_with(" says: use gzip"), "{error}");

    for (collector, requests) in [(&rejecting, 1), (&warning, 1)] {
        assert_eq!(collector.requests.try_iter().count(), requests, "retried");
    }
}

#[test]
fn a_refusal_is_told_with_its_code() {
    let refuse = |code, text: &'static str| Collector::start(move || Err(Status::new(code, text)));
    let busy = refuse(Code::Unavailable, "busy");
    failure(exporter(&busy.url()), &["answered UNAVAILABLE: busy"]);
    let denied = refuse(Code::PermissionDenied, "no\nkey");
    failure(exporter(&denied.url()), &["answered PERMISSION_DENIED: no"]);
}

#[test]
fn nobody_there() {
    let url = format!("http://u:secret@{}", nobody());
    let shown = url.replace("u:secret@", "");
    failure(exporter(&url), &[&shown, "onnection refused"]);
    let error = outcome(exporter(&url)).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    failure(exporter("http://no-such-host.invalid:4317"), &["dns error"]);
}

#[test]
fn a_port_that_speaks_something_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        }
    });
    failure(exporter(&url), &[&url, "transport error: "]);
}

#[test]
fn an_answer_above_4_mib_is_an_error() {
    let collector = Collector::start(|| partial(0, "x".repeat(5 * 1024 * 1024)));
    failure(
        exporter(&collector.url()),
        &["message length too large", "4194304"],
    );
    // A bomb: a few kilobytes on the wire.
    for compression in [Compression::Gzip, Compression::Zstd] {
        let exporter = builder(&collector.url()).with_compression(compression);
        failure(
            exporter.build().unwrap(),
            &["4194304", "while decompressing"],
        );
    }
    let small = Collector::start(|| partial(0, "x".repeat(3 * 1024 * 1024)));
    assert_eq!(outcome(exporter(&small.url())).unwrap_err().lost, 0);
}

#[test]
fn a_large_batch_is_several_requests() {
    // Its limit is the usual one of 4 MiB.
    let collector = Collector::start(taken);
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
fn a_collector_that_is_gone_and_back_costs_no_span() {
    let first = Collector::start(taken);
    let address = first.address;
    let pipeline = pipeline(exporter(&first.url()));
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    first.stop();
    let second = Collector::start_at(address, taken);
    pipeline.span("two", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(second.requests.try_iter().count(), 1);
    assert_eq!(pipeline.outcome(), (2, 0));
}

#[test]
fn a_silent_connection_is_given_up_for_a_new_one() {
    let collector = Collector::start(taken);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let address = collector.address;
    std::thread::spawn(move || {
        // As behind a firewall that has forgotten the connection.
        let _silent = listener.accept().unwrap();
        for stream in listener.incoming() {
            let (near, far) = (stream.unwrap(), TcpStream::connect(address).unwrap());
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (far, near);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    let exporter = builder(&url).with_timeout(Duration::from_millis(500));
    let pipeline = pipeline(exporter.build().unwrap());
    pipeline.span("lost", "text");
    let error = pipeline.handle.flush(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("no answer within 500ms"), "{error}");
    pipeline.span("arrives", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (1, 1));
}

/// An exporter that can be taken back.
#[derive(Clone)]
struct Lent(Arc<Mutex<Option<Exporter>>>);

impl Export for Lent {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.lock().unwrap().as_mut().unwrap().export(batch)
    }
}

#[tokio::test]
async fn one_with_a_connection_is_dropped_inside_of_a_runtime() {
    let collector = Collector::start(taken);
    let exporter = Lent(Arc::new(Mutex::new(Some(exporter(&collector.url())))));
    let pipeline = pipeline(exporter.clone());
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    assert_eq!(pipeline.outcome(), (1, 0));
    drop(exporter.0.lock().unwrap().take());
}
