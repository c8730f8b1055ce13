//! The future of a traced call.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use crate::call::active::ActiveCall;
use crate::call::error::failure;
use crate::call::response::ResponseHeaders;

pin_project! {
    /// The response future of a traced service; wraps the response's body.
    ///
    /// The call's context is current while the inner future is polled. If the future is dropped
    /// before it is ready, the span ends as cancelled, or as `DEADLINE_EXCEEDED` if the call's
    /// `grpc-timeout` has passed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        call: Option<ActiveCall>,
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, call: ActiveCall) -> Self {
        Self {
            inner,
            call: Some(call),
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Error: Display + 'static,
    E: Display + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(poll_call(this.inner, this.call, cx))?;
        Poll::Ready(Ok(match this.call.take() {
            Some(mut call) => {
                let length = on_head(&mut response, &mut call);
                response.map(|body| ResponseBody::new(body, call, length))
            }
            // Polled again after it was ready, and the inner future allowed that.
            None => response.map(ResponseBody::untouched),
        }))
    }
}

/// Polls a call's future with its context current. An error ends the call.
pub(super) fn poll_call<F, T, E>(
    inner: Pin<&mut F>,
    call: &mut Option<ActiveCall>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
    E: Display + 'static,
{
    let result = match call {
        Some(call) => ready!(call.enter(|| inner.poll(cx))),
        None => ready!(inner.poll(cx)),
    };
    if let Err(error) = &result
        && let Some(mut call) = call.take()
    {
        call.end(Some(failure(error)));
    }
    Poll::Ready(result)
}

/// Records a response's head. The call may end here. Returns the length of the body, if known.
#[inline]
pub(super) fn on_head<B: Body>(response: &mut Response<B>, active: &mut ActiveCall) -> Option<u64> {
    let (context, Some(call)) = active.parts() else {
        return None;
    };
    let headers = ResponseHeaders::of(response.headers());
    let exact = || response.body().size_hint().exact();
    let length = headers.length.or_else(exact);
    let has_ended = response.body().is_end_stream();
    if call.on_head(context, response, &headers, length, has_ended) {
        active.end(None);
    }
    length
}
