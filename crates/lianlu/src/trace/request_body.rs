//! Counts the bytes and the gRPC messages of a request's body.
//!
//! A wrapper of another type would not fit in front of a tonic `Channel`, which takes tonic's own
//! body alone. So the body types that can hold any body, tonic's and axum's, are wrapped in place
//! and keep their type; others are left as they are, and the span then has no request counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::Context;

use super::content::Content;
use crate::grpc::MessageMeter;

/// What is wanted of a request's body.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(any(feature = "tonic", feature = "axum")), allow(dead_code))]
pub(super) struct Wanted {
    pub(super) messages: bool,
    pub(super) size: bool,
    /// Whether the messages are in base64.
    pub(super) is_text: bool,
    /// How many messages become events, and whether they are sent or received.
    pub(super) events: u32,
    pub(super) sent: bool,
    /// How many bytes of content are kept.
    pub(super) content: usize,
}

impl Wanted {
    #[cfg(any(feature = "tonic", feature = "axum"))]
    const NOTHING: Self = Self {
        messages: false,
        size: false,
        is_text: false,
        events: 0,
        sent: false,
        content: 0,
    };

    fn nothing(self) -> bool {
        !self.messages && !self.size && self.content == 0
    }
}

/// The counts of a request's body, which another task may be sending while the call ends.
#[derive(Debug)]
pub(super) struct RequestMeter {
    pub(super) messages: Option<MessageMeter>,
    size: AtomicU64,
    /// `None` if nobody has asked for it.
    content: Option<Mutex<Content>>,
}

impl RequestMeter {
    #[cfg_attr(not(any(feature = "tonic", feature = "axum")), allow(dead_code))]
    fn new(wanted: Wanted) -> Self {
        Self {
            messages: wanted.messages.then(MessageMeter::default),
            size: AtomicU64::new(0),
            content: (wanted.content > 0).then(|| Mutex::new(Content::new(wanted.content))),
        }
    }

    /// One that counts from nothing, in the place of another that nobody reads any more.
    #[cfg(any(feature = "tonic", feature = "axum"))]
    fn again(spare: Option<Arc<Self>>, wanted: Wanted) -> Arc<Self> {
        let Some(mut spare) = spare else {
            return Arc::new(Self::new(wanted));
        };
        match Arc::get_mut(&mut spare) {
            Some(meter) => {
                *meter = Self::new(wanted);
                spare
            }
            None => Arc::new(Self::new(wanted)),
        }
    }

    /// Bytes that have gone by.
    pub(super) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    pub(super) fn content(&self) -> Option<String> {
        let content = self.content.as_ref()?.lock();
        content.unwrap_or_else(PoisonError::into_inner).text()
    }
}

/// Starts to count `body`, if its type is one that can be wrapped. `spare` is a meter that an earlier call may have
/// left.
#[cfg(any(feature = "tonic", feature = "axum"))]
pub(super) fn meter<B: 'static>(
    body: &mut B,
    context: &Context,
    wanted: Wanted,
    spare: &mut Option<Arc<RequestMeter>>,
) -> Option<Arc<RequestMeter>> {
    if wanted.nothing() {
        return None;
    }
    wrap(body, context, wanted, spare)
}

/// Has `body` polled with the context current, if its type is one that can be wrapped.
#[cfg(any(feature = "tonic", feature = "axum"))]
pub(super) fn carry<B: 'static>(body: &mut B, context: &Context) {
    let _ = wrap(body, context, Wanted::NOTHING, &mut None);
}

#[cfg(any(feature = "tonic", feature = "axum"))]
fn wrap<B: 'static>(
    body: &mut B,
    context: &Context,
    wanted: Wanted,
    spare: &mut Option<Arc<RequestMeter>>,
) -> Option<Arc<RequestMeter>> {
    #[cfg(feature = "axum")]
    use http_body::Body;
    use metered::MeteredBody;

    let body: &mut dyn std::any::Any = body;
    let mut meter = || RequestMeter::again(spare.take(), wanted);
    #[cfg(feature = "tonic")]
    if let Some(body) = body.downcast_mut::<tonic::body::Body>() {
        // If it has ended, tonic makes it an empty one.
        let (inner, meter) = (std::mem::take(body), meter());
        *body = tonic::body::Body::new(MeteredBody::new(inner, &meter, context, wanted));
        return Some(meter);
    }
    #[cfg(feature = "axum")]
    if let Some(body) = body.downcast_mut::<axum::body::Body>() {
        if body.is_end_stream() {
            return Some(meter());
        }
        let (inner, meter) = (std::mem::take(body), meter());
        *body = axum::body::Body::new(MeteredBody::new(inner, &meter, context, wanted));
        return Some(meter);
    }
    None
}

/// Without tonic and axum there is no body to know.
#[cfg(not(any(feature = "tonic", feature = "axum")))]
pub(super) fn carry<B: 'static>(_: &mut B, _: &Context) {}

/// Without tonic and axum there is no body to know.
#[cfg(not(any(feature = "tonic", feature = "axum")))]
pub(super) fn meter<B: 'static>(
    _: &mut B,
    _: &Context,
    wanted: Wanted,
    _: &mut Option<Arc<RequestMeter>>,
) -> Option<Arc<RequestMeter>> {
    let _ = wanted.nothing();
    None
}

#[cfg(any(feature = "tonic", feature = "axum"))]
mod metered {
    use std::pin::Pin;
    use std::sync::atomic::Ordering;
    use std::sync::{Arc, PoisonError};
    use std::task::{Context, Poll};

    use bytes::Buf;
    use http_body::{Body, Frame, SizeHint};
    use opentelemetry::Context as OtelContext;
    use opentelemetry::trace::TraceContextExt;
    use pin_project_lite::pin_project;

    use super::{RequestMeter, Wanted};
    use crate::grpc::FrameCounter;
    use crate::trace::message_events::MessageEvents;

    pin_project! {
        /// A request's body, polled with the call's context current.
        #[derive(Debug)]
        pub(super) struct MeteredBody<B> {
            #[pin]
            inner: B,
            context: OtelContext,
            counter: FrameCounter,
            events: MessageEvents,
            meter: Arc<RequestMeter>,
        }
    }

    impl<B> MeteredBody<B> {
        pub(super) fn new(
            inner: B,
            meter: &Arc<RequestMeter>,
            context: &OtelContext,
            wanted: Wanted,
        ) -> Self {
            let mut counter = FrameCounter::default();
            if wanted.is_text {
                counter.decode_text();
            }
            counter.keep_lengths(wanted.events);
            Self {
                inner,
                context: context.clone(),
                counter,
                events: MessageEvents::new(wanted.sent),
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
                let bytes = data.remaining() as u64;
                this.meter.size.fetch_add(bytes, Ordering::Relaxed);
                if let Some(content) = &this.meter.content {
                    let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
                    content.feed(data);
                }
                if let Some(messages) = &this.meter.messages {
                    this.counter.feed(data);
                    messages.publish(this.counter);
                    let lengths = this.counter.take_lengths();
                    this.events.record(&this.context.span(), &lengths);
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
