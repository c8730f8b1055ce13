//! The future of a traced call.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::call::Seen;
use super::error::failure;
use super::scope::Scope;

pin_project! {
    /// The response of a traced service, with its body wrapped.
    ///
    /// The call's context is current while the inner future is polled. Dropped before it is ready,
    /// the span ends as cancelled, or as `DEADLINE_EXCEEDED` once the call's `grpc-timeout` is over.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        scope: Option<Scope>,
    }
}

impl<F> ResponseFuture<F> {
    /// Passes on what the inner future gives.
    pub(super) fn untraced(inner: F) -> Self {
        Self { inner, scope: None }
    }

    pub(crate) fn new(inner: F, scope: Scope) -> Self {
        Self {
            inner,
            scope: Some(scope),
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
        let response = ready!(poll_call(this.inner, this.scope, cx))?;
        Poll::Ready(Ok(match this.scope.take() {
            Some(scope) => wrap(response, scope),
            // Switched off; or polled again after it was ready, and the inner future allowed it.
            None => response.map(ResponseBody::untouched),
        }))
    }
}

/// Polls a call's future in its scope. An error ends the call; a response's body is to have the scope.
pub(super) fn poll_call<F, T, E>(
    inner: Pin<&mut F>,
    scope: &mut Option<Scope>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
    E: Display + 'static,
{
    let result = match scope {
        Some(scope) => ready!(scope.enter(|| inner.poll(cx))),
        None => ready!(inner.poll(cx)),
    };
    if let Err(error) = &result
        && let Some(mut scope) = scope.take()
    {
        scope.end(Some(failure(error)));
    }
    Poll::Ready(result)
}

/// Takes note of a response's head, and lets the call last as long as its body.
pub(super) fn wrap<B: Body>(response: Response<B>, mut scope: Scope) -> Response<ResponseBody<B>> {
    if !scope.is_traced() {
        return response.map(|body| ResponseBody::new(body, scope, None));
    }
    let seen = Seen::of(response.headers());
    let length = seen.length.or_else(|| response.body().size_hint().exact());
    let ended = response.body().is_end_stream();
    #[cfg(feature = "pipeline")]
    if let Some(call) = scope.usual()
        && call.on_head(&response, &seen, ended)
    {
        return response.map(|body| ResponseBody::new(body, scope, length));
    }
    let (mut head, body) = response.into_parts();
    if let (context, Some(call)) = scope.parts()
        && call.on_head(context, &mut head, &seen, length, ended)
    {
        scope.end(None);
    }
    Response::from_parts(head, ResponseBody::new(body, scope, length))
}
