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
        let (response, scope) = ready!(poll_call(this.inner, this.scope, cx))?;
        Poll::Ready(Ok(match scope {
            Some(scope) => wrap(response, scope),
            // Switched off; or polled again after it was ready, and the inner future allowed it.
            None => response.map(ResponseBody::untouched),
        }))
    }
}

/// Polls a call's future in its scope. An error ends the call; a response comes with the scope, to be
/// handed to its body.
pub(super) fn poll_call<F, T, E>(
    inner: Pin<&mut F>,
    scope: &mut Option<Scope>,
    cx: &mut Context<'_>,
) -> Poll<Result<(T, Option<Scope>), E>>
where
    F: Future<Output = Result<T, E>>,
    E: Display + 'static,
{
    let result = match scope {
        Some(scope) => ready!(scope.enter(|| inner.poll(cx))),
        None => ready!(inner.poll(cx)),
    };
    let mut scope = scope.take();
    if let (Err(error), Some(scope)) = (&result, &mut scope) {
        scope.end(Some(failure(error)));
    }
    Poll::Ready(result.map(|response| (response, scope)))
}

/// Takes note of a response's head, and lets the call last as long as its body.
pub(super) fn wrap<B: Body>(response: Response<B>, mut scope: Scope) -> Response<ResponseBody<B>> {
    let (mut head, body) = response.into_parts();
    let mut length = None;
    if scope.is_traced() {
        let seen = Seen::of(&head.headers);
        length = seen.length.or_else(|| body.size_hint().exact());
        let ended = body.is_end_stream();
        #[cfg(feature = "pipeline")]
        if let Some(call) = scope.usual()
            && call.on_head(&head, &seen, ended)
        {
            let body = ResponseBody::new(body, scope, length);
            return Response::from_parts(head, body);
        }
        if let (context, Some(call)) = scope.parts()
            && call.on_head(context, &mut head, &seen, length, ended)
        {
            scope.end(None);
        }
    }
    let body = ResponseBody::new(body, scope, length);
    Response::from_parts(head, body)
}
