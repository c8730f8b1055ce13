//! The client layer around a `reqwest::Client`.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Extensions, Uri};
use pin_project_lite::pin_project;
use reqwest::{Body, Request, Response, ResponseBuilderExt};
use tower_service::Service;

use super::future::{poll_call, wrap};
use super::options::Options;
use super::scope::Scope;
use super::service::Trace;
use super::side::ClientSide;
use super::start::{inject, start};
use crate::request::RequestHead;

impl<S> Service<Request> for Trace<S, ClientSide>
where
    S: Service<Request, Response = Response>,
    S::Error: Display + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ReqwestFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        if !self.options.is_on {
            return ReqwestFuture::untraced(self.inner.call(request));
        }
        let mut scope = begin(&self.options, &mut request, &Extensions::new());
        let inner = &mut self.inner;
        let future = scope.enter(|| inner.call(request));
        ReqwestFuture::new(future, scope)
    }
}

/// Starts a request's call, and sends the trace along with it.
pub(super) fn begin(
    options: &Arc<Options>,
    request: &mut Request,
    extensions: &Extensions,
) -> Scope {
    // A URL that is no URI (reqwest refuses those itself) is described without its parts.
    let uri = Uri::try_from(request.url().as_str()).unwrap_or_default();
    let head = RequestHead::from_parts(
        request.method(),
        &uri,
        request.version(),
        request.headers(),
        extensions,
    );
    let may_propagate = options.may_propagate(&head);
    let mut scope = start::<ClientSide>(options, head);
    if let Some(call) = scope.call() {
        // A body in one piece tells its length, and the head perhaps that of a stream. A stream that was
        // wrapped could not be sent again.
        match request.body().map(Body::as_bytes) {
            Some(Some(bytes)) => call.set_request_length(bytes.len() as u64),
            Some(None) => {}
            None => call.set_request_length(0),
        }
    }
    inject(
        options,
        scope.context(),
        may_propagate,
        request.headers_mut(),
    );
    scope
}

pin_project! {
    /// The response of a traced `reqwest::Client`.
    ///
    /// As [`ResponseFuture`](crate::ResponseFuture), with reqwest's own response: its body ends the
    /// span as a [`ResponseBody`](crate::ResponseBody) does.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture<F> {
        #[pin]
        inner: F,
        scope: Option<Scope>,
    }
}

impl<F> ReqwestFuture<F> {
    fn untraced(inner: F) -> Self {
        Self { inner, scope: None }
    }

    pub(super) fn new(inner: F, scope: Scope) -> Self {
        Self {
            inner,
            scope: Some(scope),
        }
    }
}

impl<F, E> Future for ReqwestFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Display + 'static,
{
    type Output = Result<Response, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(poll_call(this.inner, this.scope, cx))?;
        Poll::Ready(Ok(match this.scope.take() {
            Some(scope) => rebuild(response, scope),
            None => response,
        }))
    }
}

/// Puts the body that ends the call into reqwest's response, which keeps all the rest.
fn rebuild(response: Response, mut scope: Scope) -> Response {
    if let Some(call) = scope.call() {
        call.set_peer(response.remote_addr());
    }
    let url = response.url().clone();
    let response = wrap(http::Response::<Body>::from(response), scope);
    let (mut head, body) = response.into_parts();
    // The URL goes through an extension that only this builder can make.
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        head.extensions.extend(carrier.into_parts().0.extensions);
    }
    Response::from(http::Response::from_parts(head, Body::wrap(body)))
}
