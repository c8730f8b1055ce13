//! Counts the messages of a gRPC request's body.
//!
//! A wrapper of another type would not fit in front of a tonic `Channel`, which takes tonic's own
//! body alone. So the body types that can hold any body, tonic's and axum's, are wrapped in place
//! and keep their type; others are left as they are, and the span then has no request counts.

use std::sync::Arc;

use opentelemetry::Context;

use crate::grpc::MessageMeter;

/// Starts to count `body`'s messages, if its type is one that can be wrapped.
#[cfg(any(feature = "tonic", feature = "axum"))]
pub(super) fn meter<B: 'static>(body: &mut B, context: &Context) -> Option<Arc<MessageMeter>> {
    let body: &mut dyn std::any::Any = body;
    let meter = Arc::default();
    #[cfg(feature = "tonic")]
    if let Some(body) = body.downcast_mut::<tonic::body::Body>() {
        let inner = std::mem::take(body);
        *body = tonic::body::Body::new(metered::MeteredBody::new(inner, &meter, context));
        return Some(meter);
    }
    #[cfg(feature = "axum")]
    if let Some(body) = body.downcast_mut::<axum::body::Body>() {
        let inner = std::mem::take(body);
        *body = axum::body::Body::new(metered::MeteredBody::new(inner, &meter, context));
        return Some(meter);
    }
    None
}

/// Without tonic and axum there is no body to know.
#[cfg(not(any(feature = "tonic", feature = "axum")))]
pub(super) fn meter<B: 'static>(_: &mut B, _: &Context) -> Option<Arc<MessageMeter>> {
    None
}

#[cfg(any(feature = "tonic", feature = "axum"))]
mod metered {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::{Context, Poll};

    use http_body::{Body, Frame, SizeHint};
    use opentelemetry::Context as OtelContext;
    use pin_project_lite::pin_project;

    use crate::grpc::{FrameCounter, MessageMeter};

    pin_project! {
        /// A request's body, polled with the call's context current.
        #[derive(Debug)]
        pub(super) struct MeteredBody<B> {
            #[pin]
            inner: B,
            context: OtelContext,
            counter: FrameCounter,
            meter: Arc<MessageMeter>,
        }
    }

    impl<B> MeteredBody<B> {
        pub(super) fn new(inner: B, meter: &Arc<MessageMeter>, context: &OtelContext) -> Self {
            Self {
                inner,
                context: context.clone(),
                counter: FrameCounter::default(),
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
                this.counter.feed(data);
                this.meter.publish(this.counter);
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
