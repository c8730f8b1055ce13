//! The service: starts a call's span and hands it to the future.

use std::fmt::Display;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::trace::SpanKind;
use tower_service::Service;

use super::body::ResponseBody;
use super::future::ResponseFuture;
use super::request_body::wrap;
use super::side::{ClientSide, ServerSide, Side};
use crate::call::inject::inject;
use crate::call::options::Options;
use crate::call::start::start;
use crate::request::RequestHead;

/// The service that [`server()`](crate::server) wraps around another.
pub type ServerService<S> = Trace<S, ServerSide>;

/// The service that [`client()`](crate::client) wraps around another.
pub type ClientService<S> = Trace<S, ClientSide>;

/// A service that makes a span for each call of the inner service.
///
/// Request and error types are those of the inner service; the response's body becomes a
/// [`ResponseBody`].
#[derive(Debug)]
pub struct Trace<S, K> {
    pub(super) inner: S,
    pub(super) options: Arc<Options>,
    side: PhantomData<K>,
}

impl<S: Clone, K> Clone for Trace<S, K> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.options))
    }
}

impl<S, K> Trace<S, K> {
    pub(super) fn new(inner: S, options: Arc<Options>) -> Self {
        Self {
            inner,
            options,
            side: PhantomData,
        }
    }
}

impl<S, K> Trace<S, K> {
    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service. Calls that are made on it directly are not traced.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Gives the wrapped service back.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, K, B, ResB> Service<Request<B>> for Trace<S, K>
where
    K: Side,
    S: Service<Request<B>, Response = Response<ResB>>,
    S::Error: Display + 'static,
    B: 'static,
    ResB: Body,
    ResB::Error: Display + 'static,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let head = RequestHead::new(&request);
        let is_client = K::KIND == SpanKind::Client;
        let may_propagate = is_client && self.options.may_propagate(&head);
        let mut call = start(&self.options, K::KIND, head);
        if is_client {
            let headers = request.headers_mut();
            inject(&self.options, call.context(), may_propagate, headers);
        }
        // Even if no span is recorded: spans made in the stream still get their parent.
        let body = request.body_mut();
        call.meter_request(|context, wants, spare| wrap(body, context, wants, spare));
        let current = call.attach();
        call.set_running(true);
        let future = self.inner.call(request);
        call.set_running(false);
        drop(current);
        ResponseFuture::new(future, call)
    }
}
