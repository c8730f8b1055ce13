//! A handler that adds to the span of its call, through OpenTelemetry's API.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry::{Context as TraceContext, KeyValue, global};
use tower_service::Service;

/// Sets three attributes on the current span, then lets the inner service answer.
#[derive(Clone)]
pub(crate) struct Handling<S> {
    inner: S,
    /// Makes the child span, if there is one. A handler gets its tracer once and keeps it.
    tracer: Option<Arc<BoxedTracer>>,
}

impl<S> Handling<S> {
    pub(crate) fn with_attributes(inner: S) -> Self {
        Self {
            inner,
            tracer: None,
        }
    }

    pub(crate) fn with_attributes_and_child(inner: S) -> Self {
        Self {
            inner,
            tracer: Some(Arc::new(global::tracer("shop"))),
        }
    }
}

impl<S, B> Service<Request<B>> for Handling<S>
where
    S: Service<Request<B>>,
    S::Future: Unpin,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = HandlingFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        HandlingFuture {
            inner: self.inner.call(request),
            tracer: self.tracer.clone(),
        }
    }
}

/// Works in `poll`, as an async handler does.
pub(crate) struct HandlingFuture<F> {
    inner: F,
    tracer: Option<Arc<BoxedTracer>>,
}

impl<F: Future + Unpin> Future for HandlingFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        set_attributes();
        if let Some(tracer) = &self.tracer {
            make_child(tracer);
        }
        Pin::new(&mut self.inner).poll(context)
    }
}

fn set_attributes() {
    let set = |attribute| TraceContext::current().span().set_attribute(attribute);
    set(KeyValue::new("shop.item", "unicorn"));
    set(KeyValue::new("shop.warehouse", "north"));
    set(KeyValue::new("shop.quantity", 3));
}

fn make_child(tracer: &BoxedTracer) {
    let child = TraceContext::current_with_span(tracer.start("price"));
    let _active = child.attach();
}
