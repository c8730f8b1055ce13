//! Test pipelines, and a collector with configurable responses.
#![allow(dead_code)]

pub mod decoded;
pub mod grpc;
pub mod http2;
pub mod rich;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Handle, Limits, PipelineEvent, Processor};
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, TracerProviderBuilder};

/// Only reached if something hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("shop")
        .with_attribute(KeyValue::new("float", 312.23))
        // Otherwise the exporters' pipeline names itself.
        .with_attribute(KeyValue::new("telemetry.distro.name", "test"))
        .build()
}

pub struct Pipeline {
    pub provider: SdkTracerProvider,
    pub handle: Handle,
    pub events: Receiver<PipelineEvent>,
}

/// A pipeline for `exporter` that exports only on a flush.
pub fn pipeline(exporter: impl Export) -> Pipeline {
    pipeline_with(exporter, |provider| provider)
}

/// As [`pipeline`], with a custom provider.
pub fn pipeline_with(
    exporter: impl Export,
    more: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
) -> Pipeline {
    let (sender, events) = channel();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let processor = Processor::start_with(exporter, limits, move |event| {
        let _ = sender.send(event.clone());
    })
    .unwrap();
    let handle = processor.handle();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::AlwaysOn)
        .with_resource(resource())
        .with_span_processor(processor);
    let provider = more(provider).build();
    Pipeline {
        provider,
        handle,
        events,
    }
}

impl Pipeline {
    /// Records a span with one attribute.
    pub fn span(&self, name: &'static str, value: impl Into<Value>) {
        let mut span = self.provider.tracer("test").start(name);
        span.set_attribute(KeyValue::new("key", value.into()));
        span.end();
    }

    /// Asserts the identity and returns the counts of exported and lost spans.
    pub fn outcome(&self) -> (u64, u64) {
        let counts = self.handle.counts();
        let known = counts.open + counts.waiting + counts.exported + counts.dropped.total();
        assert_eq!(counts.started, known, "{counts}");
        assert_eq!(counts.waiting, 0, "{counts}");
        (counts.exported, counts.dropped.total())
    }
}

/// The result of `run` for a batch of one span. The pipeline itself always sees a success.
pub fn with_batch<T: Send + 'static>(run: impl FnOnce(&Batch) -> T + Send + 'static) -> T {
    let (sent, result) = channel();
    let pipeline = pipeline(Once(Some(move |batch: &Batch| {
        let _ = sent.send(run(batch));
    })));
    pipeline.span("one", "text");
    pipeline.handle.flush(PATIENCE).unwrap();
    result.recv_timeout(PATIENCE).unwrap()
}

/// The result of one attempt to export one span.
pub fn attempt(mut exporter: impl Export) -> Result<(), Failure> {
    with_batch(move |batch| exporter.export(batch))
}

struct Once<F>(Option<F>);

impl<F: FnOnce(&Batch) + Send + 'static> Export for Once<F> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        self.0.take().unwrap()(batch);
        Ok(())
    }
}

/// Asserts that nothing was accepted and the batch may be retried; returns the requested delay.
#[track_caller]
pub fn is_retryable(result: Result<(), Failure>, reason: &str) -> Option<Duration> {
    let failure = result.unwrap_err();
    assert!(failure.reason.contains(reason), "no {reason:?}: {failure}");
    assert_eq!(failure.lost, 0, "{failure}");
    assert!(failure.retry.is_some(), "{failure}");
    failure.retry.unwrap().after
}

/// Asserts that the batch's only span is lost.
#[track_caller]
pub fn is_lost(result: Result<(), Failure>, reason: &str) {
    let failure = result.unwrap_err();
    assert!(failure.reason.contains(reason), "no {reason:?}: {failure}");
    assert_eq!((failure.lost, failure.retry), (1, None), "{failure}");
}

/// Asserts that the batch is accepted, with a warning.
#[track_caller]
pub fn is_accepted_with_warning(result: Result<(), Failure>, warning: &str) {
    let failure = result.unwrap_err();
    assert!(
        failure.reason.contains(warning),
        "no {warning:?}: {failure}"
    );
    assert_eq!((failure.lost, failure.retry), (0, None), "{failure}");
}

/// Exporters for this address, one for each HTTP protocol.
pub fn http_exporters(address: SocketAddr, timeout: Duration) -> Vec<Box<dyn Export>> {
    use lianlu_sdk::otlp::{Exporter, Protocol};
    use lianlu_sdk::{jaeger, zipkin};

    let url = format!("http://ann:secret@{address}/path");
    let otlp = |protocol| {
        let builder = Exporter::builder(protocol).with_endpoint(&url);
        let builder = builder.with_header("x-key", "secret");
        builder.with_timeout(timeout).build().unwrap()
    };
    let user = Some(("ann", "secret"));
    vec![
        Box::new(otlp(Protocol::HttpProtobuf)),
        Box::new(otlp(Protocol::HttpJson)),
        Box::new(jaeger::Exporter::collector("endpoint", &url, user, timeout).unwrap()),
        Box::new(zipkin::Exporter::new("endpoint", &url, timeout).unwrap()),
    ]
}

/// A gRPC exporter for this address.
pub fn grpc_exporter(address: SocketAddr, timeout: Duration) -> lianlu_sdk::otlp::Exporter {
    lianlu_sdk::otlp::Exporter::builder(lianlu_sdk::otlp::Protocol::Grpc)
        .with_endpoint(format!("http://ann:secret@{address}"))
        .with_header("x-key", "secret")
        .with_timeout(timeout)
        .build()
        .unwrap()
}

/// An HTTP request as received.
#[derive(Debug)]
pub struct Request {
    pub head: String,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Accepts one request per connection and sends the raw response `response`.
pub fn collector(response: &'static [u8]) -> (SocketAddr, Receiver<Request>) {
    collector_that(move |mut stream| {
        let _ = stream.write_all(response);
    })
}

/// Accepts one request per connection and calls `respond` with the stream.
pub fn collector_that(
    response: impl Fn(TcpStream) + Send + 'static,
) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sent, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(request) = read(&mut stream) else {
                continue;
            };
            // Sent first: the client may look for the request as soon as it has the response.
            let is_wanted = sent.send(request).is_ok();
            response(stream);
            if !is_wanted {
                return;
            }
        }
    });
    (address, requests)
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let mut request = Request {
        head: String::from_utf8(head).unwrap(),
        body: Vec::new(),
    };
    let length = request.header("content-length").unwrap().parse().unwrap();
    request.body.resize(length, 0);
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// An address without a listener.
pub fn unused_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
