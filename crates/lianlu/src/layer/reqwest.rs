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

use super::body::ResponseBody;
use super::future::{on_head, poll_call};
use super::service::Trace;
use super::side::{ClientSide, Side};
use crate::call::active::ActiveCall;
use crate::call::inject::inject;
use crate::call::options::Options;
use crate::call::start::start;
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
        let mut active = begin(&self.options, &mut request, &Extensions::new());
        let inner = &mut self.inner;
        let future = active.enter(|| inner.call(request));
        ReqwestFuture::new(future, active)
    }
}

/// Starts a request's call and writes the trace context into the request.
pub(super) fn begin(
    options: &Arc<Options>,
    request: &mut Request,
    extensions: &Extensions,
) -> ActiveCall {
    // A URL that is not a valid URI, which reqwest refuses, is described without its parts.
    let uri = Uri::try_from(request.url().as_str()).unwrap_or_default();
    let head = RequestHead::from_parts(
        request.method(),
        &uri,
        request.version(),
        request.headers(),
        extensions,
    )
    .with_fragment(request.url().fragment());
    let may_propagate = options.may_propagate(&head);
    let mut active = start(options, ClientSide::KIND, head);
    if let Some(call) = active.call() {
        // A body in one piece has a length, and a stream may have one in its head. Streams are not
        // wrapped, because a wrapped stream could not be sent again.
        match request.body().map(Body::as_bytes) {
            Some(Some(bytes)) => call.set_request_length(bytes.len() as u64),
            Some(None) => {}
            None => call.set_request_length(0),
        }
    }
    inject(
        options,
        active.context(),
        may_propagate,
        request.headers_mut(),
    );
    active
}

pin_project! {
    /// The response future of a traced `reqwest::Client`.
    ///
    /// As [`ResponseFuture`](crate::layer::ResponseFuture), with reqwest's own response: its body ends the
    /// span as a [`ResponseBody`](crate::layer::ResponseBody) does.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture<F> {
        #[pin]
        inner: F,
        active: Option<ActiveCall>,
    }
}

impl<F> ReqwestFuture<F> {
    pub(super) fn new(inner: F, active: ActiveCall) -> Self {
        Self {
            inner,
            active: Some(active),
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
        let response = ready!(poll_call(this.inner, this.active, cx))?;
        Poll::Ready(Ok(match this.active.take() {
            Some(active) => rebuild(response, active),
            None => response,
        }))
    }
}

/// Puts the body that ends the call into reqwest's response and keeps everything else.
fn rebuild(response: Response, mut active: ActiveCall) -> Response {
    if let Some(call) = active.call() {
        call.set_peer(response.remote_addr());
    }
    let url = response.url().clone();
    let mut response = http::Response::<Body>::from(response);
    let length = on_head(&mut response, &mut active);
    let (mut head, body) = response.into_parts();
    let body = ResponseBody::new(body, active, length);
    // Only this builder can create the extension that carries the URL.
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        head.extensions.extend(carrier.into_parts().0.extensions);
    }
    Response::from(http::Response::from_parts(head, Body::wrap(body)))
}
