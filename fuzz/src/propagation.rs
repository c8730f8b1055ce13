//! Header maps.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::LazyLock;
use std::task::{self, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use lianlu::propagation::{
    B3, Baggage, CallerService, HeaderExtractor, HeaderInjector, Jaeger, ServiceName, TraceContext,
    XRay,
};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tower_layer::Layer;
use tower_service::Service;

use crate::memory::within;

type Propagator = Box<dyn TextMapPropagator + Send + Sync>;

/// The longest lists, in each form on their way into a context.
const MOST: usize = 256 * 1024;

/// Every propagator with a map of headers, the lines of `data` as `name: value`.
///
/// - What a propagator extracts and injects is extracted the same by the next service, and injected
///   byte for byte. Baggage may lose members, because a literal `%` becomes longer.
/// - The server layer, which reads the three default formats in one pass, extracts the same.
/// - Memory is bounded, apart from a reference to each line.
pub fn propagation(data: &[u8]) {
    static ONE_BY_ONE: LazyLock<[Propagator; 7]> = LazyLock::new(|| {
        [
            Box::new(TraceContext::new()),
            Box::new(Baggage::new()),
            Box::new(B3::new()),
            Box::new(B3::multi()),
            Box::new(Jaeger::new()),
            Box::new(XRay::new()),
            Box::new(ServiceName::new("fuzz")),
        ]
    });
    let headers = header_map(data);
    let mut all = Context::new();
    for propagator in &*ONE_BY_ONE {
        let received = extract(propagator, &Context::new(), &headers);
        let sent = inject(propagator, &received);
        let again = extract(propagator, &Context::new(), &sent);
        assert_eq!(span(&again), span(&received));
        assert!(
            again
                .baggage()
                .iter()
                .all(|(key, value)| received.baggage().get_with_metadata(key) == Some(value))
        );
        assert_eq!(inject(propagator, &again), sent);
        // Each with the results of the ones before.
        all = extract(propagator, &all, &headers);
    }
    if let Some(caller) = all.get::<CallerService>() {
        assert!((1..=255).contains(&caller.as_str().len()));
    }
    assert_same_in_layer(headers);
}

fn assert_same_in_layer(headers: HeaderMap) {
    let three: [Propagator; 3] = [
        Box::new(ServiceName::new("fuzz")),
        Box::new(Baggage::new()),
        Box::new(TraceContext::new()),
    ];
    let expected = three.iter().fold(Context::new(), |cx, propagator| {
        extract(propagator, &cx, &headers)
    });
    let seen = context_in_layer(headers);
    assert_eq!(span(&seen), span(&expected));
    assert_eq!(seen.baggage().len(), expected.baggage().len());
    assert!(
        seen.baggage()
            .iter()
            .all(|(key, value)| expected.baggage().get_with_metadata(key) == Some(value))
    );
    assert_eq!(seen.get::<CallerService>(), expected.get::<CallerService>());
    // Baggage is compared as a header.
    for propagator in &three {
        assert_eq!(inject(propagator, &seen), inject(propagator, &expected));
    }
}

/// The context of a service behind the layer.
fn context_in_layer(headers: HeaderMap) -> Context {
    let mut seen = Seen::default();
    // A filter leaves the received context unchanged.
    let mut service = lianlu::server().with_filter(|_| false).layer(&mut seen);
    let mut request = Request::new(String::new());
    *request.headers_mut() = headers;
    drop(service.call(request));
    seen.0.expect("the service was called")
}

/// Keeps the current context of a call.
#[derive(Default)]
struct Seen(Option<Context>);

impl Service<Request<String>> for &mut Seen {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        self.0 = Some(Context::current());
        ready(Ok(Response::new(String::new())))
    }
}

fn header_map(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii_start());
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        else {
            continue;
        };
        if headers.try_append(name, value).is_err() {
            break;
        }
    }
    headers
}

fn extract(propagator: &Propagator, cx: &Context, headers: &HeaderMap) -> Context {
    // A list of all lines of a header, with the half that it grows from.
    let most = MOST + 3 * size_of::<&str>() * headers.len();
    within(most, || {
        propagator.extract_with_context(cx, &HeaderExtractor::new(headers))
    })
}

fn inject(propagator: &Propagator, cx: &Context) -> HeaderMap {
    let mut headers = HeaderMap::new();
    propagator.inject_context(cx, &mut HeaderInjector::new(&mut headers));
    headers
}

fn span(cx: &Context) -> SpanContext {
    cx.span().span_context().clone()
}
