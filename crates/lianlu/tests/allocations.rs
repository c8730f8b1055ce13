//! Allocations of a layer on the thread that serves a call. The numbers must not grow.
//!
//! Calls are counted after a warm-up that fills thread-locals, lanes, pools and encoded scopes. The
//! service does not allocate. Spans go to an exporter that drops them on another thread, which is
//! not counted.
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

/// Calls before the first one that is counted.
const WARM_UP: usize = 300;
const CALLS: usize = 50;

/// Drops all spans.
struct Discard;

impl Export for Discard {
    fn export(&mut self, _: &Batch) -> Result<(), Failure> {
        Ok(())
    }
}

fn layer() -> ServerLayer {
    let provider = TracerProvider::builder()
        .with_exporter(Discard)
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .build()
        .unwrap();
    lianlu::server().with_tracer_provider(provider)
}

/// Answers with a prepared response.
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

/// A prepared message and trailers.
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

/// A call of grpc-go, as tonic's server has it.
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

/// Makes a call, and reads its body. Nothing is pending.
fn call<S, B, R>(service: &mut S, request: Request<B>)
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    // As in a server, the future is dropped before the body is read.
    let response = {
        let future = pin!(service.call(request));
        match future.poll(&mut context) {
            Poll::Ready(Ok(response)) => response,
            _ => panic!("the service is always ready"),
        }
    };
    let mut body = pin!(response.into_body());
    loop {
        match body.as_mut().poll_frame(&mut context) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(None) => return,
            _ => panic!("the body is always ready"),
        }
    }
}

/// The sorted numbers of allocations of some calls.
fn allocations<L, B, R>(layer: &L, traceparent: &'static str, body: impl Fn() -> B) -> Vec<u64>
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

/// Asserts the number of most calls. A few make a buffer grow or wake the worker.
#[track_caller]
fn assert_allocations(counts: &[u64], expected: u64) {
    let most = counts[counts.len() * 9 / 10];
    assert_eq!(most, expected, "{counts:?}");
    assert_eq!(counts[0], expected, "{counts:?}");
}

fn empty() -> Empty<Bytes> {
    Empty::new()
}

/// A request body, as tonic's server has it.
fn content() -> tonic::body::Body {
    tonic::body::Body::new(Full::new(Bytes::from_static(b"\0\0\0\0\x07\n\x05hello")))
}

#[test]
fn a_call_without_a_layer_allocates_nothing() {
    let none = tower::layer::util::Identity::new();
    assert_allocations(&allocations(&none, SAMPLED, empty), 0);
    assert_allocations(&allocations(&none, SAMPLED, content), 0);
}

/// For the context with the span: the API's `Arc` and `Box`.
#[test]
fn a_sampled_call_makes_two_allocations() {
    let layer = layer().with_metrics(|metrics| metrics.provider(NoopMeterProvider::new()));
    assert_allocations(&allocations(&layer, SAMPLED, empty), 2);
}

/// The third is a box inside of tonic's body, whose type is kept, for the body that counts
/// messages.
#[test]
fn counting_the_requests_messages_makes_a_third_allocation() {
    let layer = layer().with_metrics(|metrics| metrics.provider(NoopMeterProvider::new()));
    assert_allocations(&allocations(&layer, SAMPLED, content), 3);
}

/// For the context with the trace's ids.
#[test]
fn an_unsampled_call_makes_one_allocation() {
    assert_allocations(&allocations(&layer(), UNSAMPLED, empty), 1);
}

#[test]
fn a_carried_context_allocates_nothing() {
    let _current = opentelemetry::Context::current_with_value(7_u32).attach();
    let run = || lianlu::task::carry(|| {})();
    run();
    assert_eq!(allocation_counter::measure(run).count_total, 0);
}
