//! Counts the bytes and the gRPC messages of a request's body.
//!
//! A wrapper of another type would not fit in front of a tonic `Channel`, which accepts only
//! tonic's own body type. So the types that can hold any body, tonic's and axum's, are wrapped in
//! place and keep their type. Other bodies are left unchanged, and their spans have no request
//! counts.

use std::sync::Arc;

use opentelemetry::Context;

use crate::call::request_meter::{RequestMeter, RequestWants};

/// Starts to count `body` and polls it with the context current, if it can be wrapped. `spare` is a
/// meter that an earlier call may have left.
#[cfg(any(feature = "tonic", feature = "axum"))]
#[inline]
pub(super) fn wrap<B: 'static>(
    body: &mut B,
    context: &Context,
    wants: RequestWants,
    spare: Option<Arc<RequestMeter>>,
) -> Option<Arc<RequestMeter>> {
    #[cfg(feature = "axum")]
    use http_body::Body;
    use metered::MeteredBody;

    let body: &mut dyn std::any::Any = body;
    #[cfg(feature = "tonic")]
    if let Some(body) = body.downcast_mut::<tonic::body::Body>() {
        // tonic turns a body that has ended into an empty one.
        let (inner, meter) = (std::mem::take(body), RequestMeter::reuse(spare, wants));
        *body = tonic::body::Body::new(MeteredBody::new(inner, &meter, context, wants));
        return Some(meter);
    }
    #[cfg(feature = "axum")]
    if let Some(body) = body.downcast_mut::<axum::body::Body>() {
        let meter = RequestMeter::reuse(spare, wants);
        if body.is_end_stream() {
            return Some(meter);
        }
        let inner = std::mem::take(body);
        *body = axum::body::Body::new(MeteredBody::new(inner, &meter, context, wants));
        return Some(meter);
    }
    None
}

/// Without tonic and axum no body can be wrapped.
#[cfg(not(any(feature = "tonic", feature = "axum")))]
pub(super) fn wrap<B: 'static>(
    _: &mut B,
    _: &Context,
    _: RequestWants,
    _: Option<Arc<RequestMeter>>,
) -> Option<Arc<RequestMeter>> {
    None
}

#[cfg(any(feature = "tonic", feature = "axum"))]
mod metered {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use http_body::{Body, Frame, SizeHint};
    use opentelemetry::Context as OtelContext;
    use opentelemetry::trace::TraceContextExt;
    use pin_project_lite::pin_project;

    use super::{RequestMeter, RequestWants};
    use crate::call::message_events::MessageEvents;
    use crate::grpc::FrameCounter;

    pin_project! {
        /// A request's body, polled with the call's context current.
        #[derive(Debug)]
        pub(super) struct MeteredBody<B> {
            #[pin]
            inner: B,
            context: OtelContext,
            counter: FrameCounter,
            events: MessageEvents,
            is_sent: bool,
            meter: Arc<RequestMeter>,
        }
    }

    impl<B> MeteredBody<B> {
        pub(super) fn new(
            inner: B,
            meter: &Arc<RequestMeter>,
            context: &OtelContext,
            wants: RequestWants,
        ) -> Self {
            let mut counter = FrameCounter::default();
            if wants.is_text {
                counter.decode_text();
            }
            counter.keep_lengths(wants.events);
            Self {
                inner,
                context: context.clone(),
                counter,
                events: MessageEvents::default(),
                is_sent: wants.sent,
                meter: Arc::clone(meter),
            }
        }
    }

    impl<B: Body> Body for MeteredBody<B> {
        type Data = B::Data;
        type Error = B::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
            let this = self.project();
            let _current = this.context.clone().attach();
            let polled = this.inner.poll_frame(cx);
            if let Poll::Ready(Some(Ok(frame))) = &polled
                && let Some(data) = frame.data_ref()
            {
                this.meter.feed(data);
                if let Some(messages) = &this.meter.messages {
                    this.counter.feed(data);
                    messages.publish(this.counter);
                    let lengths = this.counter.take_lengths();
                    let span = this.context.span();
                    this.events.record(*this.is_sent, &span, &lengths);
                }
            }
            polled
        }

        fn is_end_stream(&self) -> bool {
            self.inner.is_end_stream()
        }

        fn size_hint(&self) -> SizeHint {
            self.inner.size_hint()
        }
    }
}
