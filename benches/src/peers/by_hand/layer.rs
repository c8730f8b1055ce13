//! The layer, its service and its future.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context as TraceContext, KeyValue};
use opentelemetry_http::HeaderExtractor;
use std::sync::Arc;
use tower_layer::Layer;
use tower_service::Service;

use super::body::ByHandBody;
use super::describe::{counts_messages, is_grpc, start};

/// Over the global provider, which has to be there.
pub(crate) fn layer() -> ByHand {
    ByHand {
        tracer: Arc::new(global::tracer("by-hand")),
    }
}

#[derive(Clone)]
pub(crate) struct ByHand {
    tracer: Arc<BoxedTracer>,
}

impl<S> Layer<S> for ByHand {
    type Service = ByHandService<S>;

    fn layer(&self, inner: S) -> ByHandService<S> {
        ByHandService {
            inner,
            tracer: Arc::clone(&self.tracer),
        }
    }
}

#[derive(Clone)]
pub(crate) struct ByHandService<S> {
    inner: S,
    tracer: Arc<BoxedTracer>,
}

impl<S, B, R> Service<Request<B>> for ByHandService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: http_body::Body + 'static,
{
    type Response = Response<ByHandBody<R>>;
    type Error = S::Error;
    type Future = ByHandFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let parent = global::get_text_map_propagator(|propagator| {
            propagator.extract(&HeaderExtractor(request.headers()))
        });
        let (name, mut attributes) = start(&request);
        let is_grpc = is_grpc(&request);
        if is_grpc && counts_messages::<B>() {
            let size = request.body().size_hint().exact().unwrap_or(0);
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            attributes.push(KeyValue::new("lianlu.rpc.request.messages", 1));
            attributes.push(KeyValue::new("lianlu.rpc.request.bytes", size));
        }
        let span = self
            .tracer
            .span_builder(name)
            .with_kind(SpanKind::Server)
            .with_attributes(attributes)
            .start_with_context(&*self.tracer, &parent);
        let context = parent.with_span(span);
        let inner = {
            let _current = context.clone().attach();
            self.inner.call(request)
        };
        ByHandFuture {
            inner,
            context: Some(context),
            is_grpc,
        }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct ByHandFuture<F> {
        #[pin]
        inner: F,
        context: Option<TraceContext>,
        is_grpc: bool,
    }
}

impl<F, R, E> Future for ByHandFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ByHandBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let current = this.context.clone().map(TraceContext::attach);
        let response = ready!(this.inner.poll(cx))?;
        drop(current);
        let context = this.context.take();
        if !*this.is_grpc
            && let Some(context) = &context
        {
            let status = i64::from(response.status().as_u16());
            let status = KeyValue::new("http.response.status_code", status);
            context.span().set_attribute(status);
        }
        let is_grpc = *this.is_grpc;
        Poll::Ready(Ok(
            response.map(|body| ByHandBody::new(body, context, is_grpc))
        ))
    }
}
