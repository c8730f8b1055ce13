//! What a layer allocates on the thread that serves a call, in numbers that must not grow.
//!
//! A call in this process, once all that is kept from call to call is there: thread-locals, lanes, rooms, encoded
//! scopes. The service itself allocates nothing, and spans go to an exporter that drops them, on another thread, which
//! is not counted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version, header};
use http_body::{Body, Frame};
use http_body_util::{Empty, Full};
use lianlu::{Sampler, ServerLayer};
use lianlu_sdk::{Batch, Export, Failure, TracerProvider};
use opentelemetry::metrics::noop::NoopMeterProvider;
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Calls before the first one that counts.
const WARM_UP: usize = 300;
const CALLS: usize = 50;

/// Takes spans, and keeps none.
struct Nowhere;

impl Export for Nowhere {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        Ok(())
    }
}

fn layer() -> ServerLayer {
    let provider = TracerProvider::builder()
        .with_exporter(Nowhere)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .build()
        .unwrap();
    lianlu::server().with_tracer_provider(provider)
}

/// Gives each call a response that was made before.
#[derive(Clone)]
struct Prepared(Option<Response<Reply>>);

impl<B> Service<Request<B>> for Prepared {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Reply>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(self.0.take().unwrap()))
    }
}

/// A message and the trailers of success, which were made before.
#[derive(Debug, Clone)]
struct Reply {
    message: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let message = self.message.take().map(Frame::data);
        let frame = message.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }
}

fn response() -> Response<Reply> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut response = Response::new(Reply {
        message: Some(Bytes::from_static(b"\0\0\0\0\x07\n\x05hello")),
        trailers: Some(trailers),
    });
    *response.version_mut() = Version::HTTP_2;
    let content = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, content);
    response
}

/// As tonic hands a call of grpc-go to its layers.
fn request<B>(traceparent: &'static str, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = "http://shop.example:8080/lianlu.testing.Echo/Unary"
        .parse()
        .unwrap();
    let headers = request.headers_mut();
    for (name, value) in [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", "grpc-go/1.76.0"),
        ("traceparent", traceparent),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    request.extensions_mut().insert(TcpConnectInfo {
        local_addr: Some(SocketAddr::from(([10, 0, 0, 2], 8080))),
        remote_addr: Some(SocketAddr::from(([10, 0, 0, 7], 51_234))),
    });
    request
}

/// One call, to the end of its body. Nothing in it waits.
fn call<S, B, R>(service: &mut S, request: Request<B>)
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    // As in a server, the future is gone before the body is read.
    let response = {
        let future = pin!(service.call(request));
        match future.poll(&mut context) {
            Poll::Ready(Ok(response)) => response,
            _ => panic!("it answers at once"),
        }
    };
    let mut body = pin!(response.into_body());
    loop {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(None) => return,
            _ => panic!("it is all there"),
        }
    }
}

/// Allocations of each of some calls, in the order of how many.
fn of_calls<L, B, R>(layer: &L, traceparent: &'static str, body: impl Fn() -> B) -> Vec<u64>
where
    L: Layer<Prepared>,
    L::Service: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let mut counts = Vec::new();
    for at in 0..WARM_UP + CALLS {
        let mut service = layer.layer(Prepared(Some(response())));
        let request = request(traceparent, body());
        let counted = allocation_counter::measure(|| call(&mut service, request));
        if at >= WARM_UP {
            counts.push(counted.count_total);
        }
    }
    counts.sort_unstable();
    counts
}

/// Of a call like most others. Now and then one fills a buffer that has to grow, or is the one that wakes the worker.
#[track_caller]
fn assert_allocations(counts: &[u64], expected: u64) {
    let most = counts[counts.len() * 9 / 10];
    assert_eq!(most, expected, "{counts:?}");
    assert_eq!(counts[0], expected, "{counts:?}");
}

fn empty() -> Empty<Bytes> {
    Empty::new()
}

/// A request's body as tonic's server has it.
fn content() -> tonic::body::Body {
    tonic::body::Body::new(Full::new(Bytes::from_static(b"\0\0\0\0\x07\n\x05hello")))
}

#[test]
fn none_without_a_layer() {
    let none = tower::layer::util::Identity::new();
    assert_allocations(&of_calls(&none, SAMPLED, empty), 0);
    assert_allocations(&of_calls(&none, SAMPLED, content), 0);
}

/// The context with the span in it: the API's `Arc` and `Box`.
#[test]
fn two_of_a_call_that_is_sampled() {
    let layer = layer().with_meter_provider(NoopMeterProvider::new());
    assert_allocations(&of_calls(&layer, SAMPLED, empty), 2);
}

/// A third for the box of tonic's body around the one whose messages are counted: it keeps its type, so the counting
/// one has to go inside of it.
#[test]
fn three_where_the_requests_messages_are_counted() {
    let layer = layer().with_meter_provider(NoopMeterProvider::new());
    assert_allocations(&of_calls(&layer, SAMPLED, content), 3);
}

/// The context that says whose trace it is.
#[test]
fn one_of_a_call_that_is_not_sampled() {
    assert_allocations(&of_calls(&layer(), UNSAMPLED, empty), 1);
}

#[test]
fn none_of_a_layer_that_is_switched_off() {
    let layer = layer().with_enabled(false);
    assert_allocations(&of_calls(&layer, SAMPLED, empty), 0);
    assert_allocations(&of_calls(&layer, SAMPLED, content), 0);
}
