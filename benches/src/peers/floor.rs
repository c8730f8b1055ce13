//! What a call costs any layer over the API, whatever its pipeline is like: the caller's trace is read, a span that does
//! nothing is put into a context, that is current in the call, in its future and in its body, and the clock is read at
//! both ends. Nothing is described, measured, written or sent, and neither errors nor panics are seen.

use std::borrow::Cow;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use lianlu_wire::w3c::TraceParent;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context as TraceContext, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tower_layer::Layer;
use tower_service::Service;

#[derive(Clone, Copy)]
pub(crate) struct Floor;

impl<S> Layer<S> for Floor {
    type Service = FloorService<S>;

    fn layer(&self, inner: S) -> FloorService<S> {
        FloorService { inner }
    }
}

#[derive(Clone)]
pub(crate) struct FloorService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for FloorService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<FloorBody<R>>;
    type Error = S::Error;
    type Future = FloorFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let context = context(request.headers());
        let began = Instant::now();
        let inner = {
            let _current = context.clone().attach();
            self.inner.call(request)
        };
        FloorFuture {
            inner,
            call: Some(Call { context, began }),
        }
    }
}

fn context(headers: &HeaderMap) -> TraceContext {
    let value = headers.get("traceparent").expect("each call has a caller");
    let caller = TraceParent::parse(value.as_bytes()).expect("as it is written here");
    let span = SpanContext::new(
        TraceId::from_bytes(caller.trace_id),
        RandomIdGenerator::default().new_span_id(),
        TraceFlags::new(caller.flags),
        false,
        TraceState::NONE,
    );
    let current = TraceContext::current();
    if caller.is_sampled() {
        current.with_span(Mute {
            span,
            parent: SpanId::from_bytes(caller.parent_id),
        })
    } else {
        current.with_remote_span_context(span)
    }
}

struct Call {
    context: TraceContext,
    began: Instant,
}

pin_project_lite::pin_project! {
    pub(crate) struct FloorFuture<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
    }
}

impl<F, R, E> Future for FloorFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<FloorBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call.as_ref();
        let current = call.map(|call| call.context.clone().attach());
        let response = ready!(this.inner.poll(cx))?;
        drop(current);
        let call = this.call.take();
        Poll::Ready(Ok(response.map(|inner| FloorBody { inner, call })))
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct FloorBody<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B: Body<Data = Bytes>> Body for FloorBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let call = this.call.as_ref();
        let current = call.map(|call| call.context.clone().attach());
        let frame = ready!(this.inner.poll_frame(cx));
        drop(current);
        let is_last = match &frame {
            Some(Ok(frame)) => frame.is_trailers(),
            Some(Err(_)) | None => true,
        };
        if is_last && let Some(call) = this.call.take() {
            black_box(call.began.elapsed());
        }
        Poll::Ready(frame)
    }

    // Never true while the span is open: axum's server would not ask for the end.
    fn is_end_stream(&self) -> bool {
        self.call.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A span that does nothing.
#[derive(Debug)]
struct Mute {
    span: SpanContext,
    #[expect(dead_code, reason = "a span has to keep it")]
    parent: SpanId,
}

impl Span for Mute {
    fn add_event_with_timestamp<T>(&mut self, _: T, _: SystemTime, _: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
    }

    fn span_context(&self) -> &SpanContext {
        &self.span
    }

    fn is_recording(&self) -> bool {
        true
    }

    fn set_attribute(&mut self, _: KeyValue) {}

    fn set_status(&mut self, _: Status) {}

    fn update_name<T>(&mut self, _: T)
    where
        T: Into<Cow<'static, str>>,
    {
    }

    fn add_link(&mut self, _: SpanContext, _: Vec<KeyValue>) {}

    fn end_with_timestamp(&mut self, _: SystemTime) {}
}
