//! A handler that adds to the span of its call.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::Request;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{Context as TraceContext, KeyValue};
use tower_service::Service;

/// Does some work in the call's first poll, as an async handler does, then lets the inner service
/// answer.
#[derive(Clone)]
pub(crate) struct Handling<S, W> {
    inner: S,
    work: W,
}

impl<S, W: Fn()> Handling<S, W> {
    pub(crate) fn new(inner: S, work: W) -> Self {
        Self { inner, work }
    }
}

impl<S, W, B> Service<Request<B>> for Handling<S, W>
where
    S: Service<Request<B>>,
    S::Future: Unpin,
    W: Fn() + Clone + Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HandlingFuture<S::Future, W>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        HandlingFuture {
            inner: self.inner.call(request),
            work: self.work.clone(),
        }
    }
}

pub(crate) struct HandlingFuture<F, W> {
    inner: F,
    work: W,
}

impl<F, W> Future for HandlingFuture<F, W>
where
    F: Future + Unpin,
    W: Fn() + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        (self.work)();
        Pin::new(&mut self.inner).poll(context)
    }
}

/// Sets three attributes through OpenTelemetry's API.
pub(crate) fn set_attributes() {
    let set = |attribute| TraceContext::current().span().set_attribute(attribute);
    set(KeyValue::new("shop.item", "unicorn"));
    set(KeyValue::new("shop.warehouse", "north"));
    set(KeyValue::new("shop.quantity", 3));
}

/// Makes a child span current and ends it. A handler gets its tracer once and keeps it.
pub(crate) fn make_child(tracer: &BoxedTracer) {
    let child = TraceContext::current_with_span(tracer.start("price"));
    let _active = child.attach();
}
