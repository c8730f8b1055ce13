//! The body of a traced response.

use std::fmt::Display;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::call::active::ActiveCall;
use crate::call::error::failure;
use crate::describe::surface::Protocol;

pin_project! {
    /// The body of a response; its call's span ends with it.
    ///
    /// The call's context is current while the inner body is polled. The span ends, once, at
    ///
    /// - the response's head, if no body follows it: an empty body, `HEAD`, 1xx, 204, 304, a gRPC
    ///   response of trailers only;
    /// - the trailers, which carry a gRPC call's status;
    /// - the last byte, if the content length is reached or the body reports its end (a server's
    ///   connection then does not poll the body again);
    /// - the end of the stream;
    /// - an error, recorded with its class;
    /// - a panic, recorded as `error.type=panic` and passed on;
    /// - the drop of the body before any of these: the other side hung up, or the rest was not
    ///   wanted. This is not an error; the span has `lianlu.cancelled=true`, and a gRPC call is
    ///   `CANCELLED`.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        call: Option<ActiveCall>,
        // Bytes still to come, if known.
        left: Option<u64>,
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn new(inner: B, call: ActiveCall, length: Option<u64>) -> Self {
        Self {
            inner,
            call: Some(call),
            left: length,
        }
    }

    pub(super) fn untouched(inner: B) -> Self {
        Self {
            inner,
            call: None,
            left: None,
        }
    }
}

impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::untouched(B::default())
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(call) = this.call.as_mut() else {
            return this.inner.poll_frame(cx);
        };
        call.slice_if_due();
        // Also for the end, which may come with this frame.
        let _current = call.attach();
        let inner = this.inner.as_mut();
        let polled = call.run(|| inner.poll_frame(cx));
        match &polled {
            Poll::Pending => call.wake_for_slice(cx.waker()),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    on_data(call, data, this.left, this.inner.is_end_stream());
                } else if let Some(trailers) = frame.trailers_ref() {
                    on_trailers(call, trailers);
                    // Trailers are the last part of a call.
                    *this.call = None;
                }
            }
            Poll::Ready(Some(Err(error))) => call.end_here(Some(failure(error))),
            Poll::Ready(None) => call.end_here(None),
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

fn on_trailers(active: &mut ActiveCall, trailers: &HeaderMap) {
    if let Some(call) = active.call() {
        call.on_trailers(trailers);
    }
    active.end_here(None);
}

#[inline]
fn on_data(active: &mut ActiveCall, data: &impl Buf, left: &mut Option<u64>, has_ended: bool) {
    let (context, Some(call)) = active.parts() else {
        return;
    };
    call.on_data(context, data);
    if let Some(left) = left {
        *left = left.saturating_sub(data.remaining() as u64);
    }
    // A gRPC call ends with its status, which follows the last byte.
    let is_complete = match call.protocol() {
        Protocol::Http => *left == Some(0),
        Protocol::Grpc => *left == Some(0) && call.has_grpc_status(),
    };
    if is_complete || has_ended {
        active.end_here(None);
    }
}
