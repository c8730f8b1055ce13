//! A collector that counts: spans are found by skipping over everything else. Speaks OTLP over gRPC and
//! over HTTP on one port.
//!
//! Prints its address, then answers each line on standard input with a line of JSON, the counts since
//! the last one.

use std::convert::Infallible;
use std::io::BufRead;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde::{Deserialize, Serialize};

/// What has arrived.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub(crate) spans: u64,
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    /// Of the first span of the last request.
    pub(crate) attributes: u64,
}

#[derive(Default)]
struct Counts {
    spans: AtomicU64,
    requests: AtomicU64,
    bytes: AtomicU64,
    attributes: AtomicU64,
    /// Why a request could not be read: told instead of the next counts.
    error: Mutex<Option<&'static str>>,
}

pub(crate) fn run() {
    let counts = Arc::new(Counts::default());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("there is a thread");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("there is a port");
    let address = listener.local_addr().expect("a listener has an address");
    runtime.spawn(serve(listener, Arc::clone(&counts)));
    println!("{address}");
    for line in std::io::stdin().lock().lines() {
        line.expect("standard input is text");
        let error = counts
            .error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(error) = error {
            panic!("a request to the sink: {error}");
        }
        let arrived = Arrived {
            spans: counts.spans.swap(0, Ordering::Relaxed),
            requests: counts.requests.swap(0, Ordering::Relaxed),
            bytes: counts.bytes.swap(0, Ordering::Relaxed),
            attributes: counts.attributes.swap(0, Ordering::Relaxed),
        };
        crate::print(&arrived);
    }
}

async fn serve(listener: tokio::net::TcpListener, counts: Arc<Counts>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&counts)));
            let mut server = auto::Builder::new(TokioExecutor::new());
            // Large windows: the sink is not what is measured.
            server
                .http2()
                .initial_stream_window_size(1 << 24)
                .initial_connection_window_size(1 << 26);
            // A peer that goes away is the end of it.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    counts: Arc<Counts>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|it| it.as_bytes().starts_with(b"application/grpc"));
    match request.into_body().collect().await {
        Ok(body) => counts.take(&body.to_bytes(), is_grpc),
        Err(_) => counts.fail("it broke off"),
    }
    let mut trailers = HeaderMap::new();
    let (content_type, body) = if is_grpc {
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        // An empty ExportTraceServiceResponse.
        ("application/grpc", Bytes::from_static(&[0; 5]))
    } else {
        ("application/x-protobuf", Bytes::new())
    };
    let body = Full::new(body)
        .with_trailers(async move { (!trailers.is_empty()).then_some(Ok(trailers)) });
    let mut response = Response::new(body.boxed());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

impl Counts {
    fn take(&self, mut body: &[u8], is_grpc: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        if is_grpc {
            match body.split_first_chunk::<5>() {
                Some(([0, length @ ..], message))
                    if u32::from_be_bytes(*length) as usize == message.len() =>
                {
                    body = message;
                }
                _ => return self.fail("it is not one gRPC message, uncompressed"),
            }
        }
        if self.count(body).is_none() {
            self.fail("it is not an ExportTraceServiceRequest");
        }
    }

    fn fail(&self, why: &'static str) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// Field numbers are those of opentelemetry-proto.
    fn count(&self, request: &[u8]) -> Option<()> {
        let mut first = None;
        let mut spans = 0;
        each(request, 1, |resource_spans| {
            each(resource_spans, 2, |scope_spans| {
                each(scope_spans, 2, |span| {
                    spans += 1;
                    first.get_or_insert(span);
                    Some(())
                })
            })
        })?;
        self.spans.fetch_add(spans, Ordering::Relaxed);
        let mut attributes = 0;
        each(first.unwrap_or_default(), 9, |_| {
            attributes += 1;
            Some(())
        })?;
        self.attributes.store(attributes, Ordering::Relaxed);
        Some(())
    }
}

/// Calls `take` with each field of this number that has a length, and skips the others.
fn each<'a>(
    mut message: &'a [u8],
    wanted: u64,
    mut take: impl FnMut(&'a [u8]) -> Option<()>,
) -> Option<()> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            0 => {
                varint(&mut message)?;
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (field, rest) = message.split_at_checked(length)?;
        message = rest;
        if key == wanted << 3 | 2 {
            take(field)?;
        }
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
