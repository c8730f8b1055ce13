//! A layer that does nothing but put its own type around the response's body. What it costs is what
//! the framework does for a layer with a body of its own: tonic and axum box it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_layer::Layer;
use tower_service::Service;

#[derive(Clone, Copy)]
pub(crate) struct BodyOnly;

impl<S> Layer<S> for BodyOnly {
    type Service = BodyOnlyService<S>;

    fn layer(&self, inner: S) -> BodyOnlyService<S> {
        BodyOnlyService { inner }
    }
}

#[derive(Clone)]
pub(crate) struct BodyOnlyService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for BodyOnlyService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<OwnBody<R>>;
    type Error = S::Error;
    type Future = BodyOnlyFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        BodyOnlyFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct BodyOnlyFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, R, E> Future for BodyOnlyFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<OwnBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().inner.poll(cx))?;
        Poll::Ready(Ok(response.map(|inner| OwnBody { inner })))
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct OwnBody<B> {
        #[pin]
        inner: B,
    }
}

impl<B: Body> Body for OwnBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
