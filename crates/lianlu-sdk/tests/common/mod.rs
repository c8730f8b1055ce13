//! Spans to export, and a collector that answers as told.
#![allow(dead_code)]

pub mod decoded;
pub mod grpc;
pub mod rich;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use lianlu_sdk::{Batch, Export, Failure, Handle, Limits, Notice, Processor};
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, TracerProviderBuilder};

/// Only a hang gets there.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("shop")
        .with_attribute(KeyValue::new("float", 312.23))
        .build()
}

pub struct Pipeline {
    pub provider: SdkTracerProvider,
    pub handle: Handle,
    pub notices: Receiver<Notice>,
}

/// A pipeline in front of `exporter` that exports on a flush only.
pub fn pipeline(exporter: impl Export) -> Pipeline {
    pipeline_with(exporter, |provider| provider)
}

/// As [`pipeline`], with a provider that has more to it.
pub fn pipeline_with(
    exporter: impl Export,
    more: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
) -> Pipeline {
    let (heard, notices) = channel();
    let mut limits = Limits::default();
    limits.schedule_delay = Duration::from_secs(3600);
    let processor = Processor::start_with(exporter, limits, move |notice| {
        let _ = heard.send(notice.clone());
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
        notices,
    }
}

impl Pipeline {
    /// Records a span with one attribute.
    pub fn span(&self, name: &'static str, value: impl Into<Value>) {
        let mut span = self.provider.tracer("test").start(name);
        span.set_attribute(KeyValue::new("key", value.into()));
        span.end();
    }

    /// Asserts the identity and returns exported and lost.
    pub fn outcome(&self) -> (u64, u64) {
        let counts = self.handle.counts();
        let known = counts.open + counts.waiting + counts.exported + counts.dropped.total();
        assert_eq!(counts.started, known, "{counts}");
        assert_eq!(counts.waiting, 0, "{counts}");
        (counts.exported, counts.dropped.total())
    }
}

/// An exporter that tells how each batch went.
pub struct Watched<E> {
    inner: E,
    results: Sender<Result<(), Failure>>,
}

pub fn watched<E: Export>(inner: E) -> (Watched<E>, Receiver<Result<(), Failure>>) {
    let (results, heard) = channel();
    (Watched { inner, results }, heard)
}

impl<E: Export> Export for Watched<E> {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        let result = self.inner.export(batch);
        let _ = self.results.send(result.clone());
        result
    }
}

/// An HTTP request as it came.
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

/// Takes one request per connection and answers with `answer`, raw.
pub fn collector(answer: &'static [u8]) -> (SocketAddr, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sent, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let Some(request) = read(&mut stream) else {
                continue;
            };
            // First: who has the answer may look for the request.
            let is_wanted = sent.send(request).is_ok();
            let _ = stream.write_all(answer);
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

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}
