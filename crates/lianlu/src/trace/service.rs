//! The service: starts a call's span and hands it to the future.

use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use opentelemetry::Context as OtelContext;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use tower_service::Service;

use super::body::ResponseBody;
use super::call::{Call, Scope};
use super::future::ResponseFuture;
use super::options::Options;
use super::request_body;
use super::side::{ClientSide, ServerSide, Side};
use crate::conventions::{Protocol, Start};
use crate::propagation::{CallerService, HeaderExtractor, HeaderInjector};
use crate::request::RequestHead;
use crate::told::Told;
use std::fmt::Display;

/// The service that [`server()`](crate::server) wraps around another.
pub type ServerService<S> = Trace<S, ServerSide>;

/// The service that [`client()`](crate::client) wraps around another.
pub type ClientService<S> = Trace<S, ClientSide>;

/// A service that makes a span for each call of the one inside.
///
/// Takes the same requests, gives the same errors; the response's body becomes a [`ResponseBody`].
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
        let is_grpc = head.is_grpc();
        let mut scope = start::<K>(&self.options, head);
        if K::KIND == SpanKind::Client {
            inject(&self.options, scope.context(), request.headers_mut());
        }
        if is_grpc {
            // Also where no span records: what is made in the stream has a parent all the same.
            let meter = request_body::meter(request.body_mut(), scope.context());
            if let Some(call) = scope.call() {
                call.set_request_meter(meter);
            }
        }
        let inner = &mut self.inner;
        let future = scope.enter(|| inner.call(request));
        ResponseFuture::new(future, scope)
    }
}

/// Finds the parent, and starts the call's span unless the filter says no.
pub(super) fn start<K: Side>(options: &Arc<Options>, head: RequestHead<'_>) -> Scope {
    let mut parent = OtelContext::current();
    if K::KIND == SpanKind::Server {
        let headers = HeaderExtractor(head.headers());
        parent = options.propagator.extract_with_context(&parent, &headers);
    }
    let told = match K::KIND {
        SpanKind::Client => Told::take(&mut parent, &head),
        _ => Told::default(),
    };
    if options.filter.as_ref().is_some_and(|filter| !filter(&head)) {
        return Scope::untraced(parent);
    }
    let protocol = if head.is_grpc() {
        Protocol::Grpc
    } else {
        Protocol::Http
    };
    let server = K::KIND == SpanKind::Server;
    let described = options.dialect.start(&Start {
        kind: K::KIND,
        protocol,
        head,
        route: if server { route(&head) } else { None },
        peer: if server { peer(&head) } else { None },
        target: options.target.as_ref(),
        caller: if server {
            parent.get::<CallerService>().map(CallerService::as_str)
        } else {
            None
        },
        operation: said(&head, &parent),
        template: said(&head, &parent),
        told,
    });
    let span = opentelemetry::trace::SpanBuilder::from_name(described.name)
        .with_kind(K::KIND)
        .with_attributes(described.attributes)
        .start_with_context(&*options.tracer.tracer(), &parent);
    let context = parent.with_span(span);
    Scope::traced(Call::new(
        context,
        Arc::clone(options),
        K::KIND,
        protocol,
        &head,
    ))
}

/// What an outer layer has said with an extension, or the caller with a value of the context.
fn said<'a, T: Send + Sync + 'static>(
    head: &RequestHead<'a>,
    context: &'a OtelContext,
) -> Option<&'a T> {
    head.extensions().get().or_else(|| context.get())
}

/// Writes the context into a request's headers.
pub(super) fn inject(options: &Options, context: &OtelContext, headers: &mut http::HeaderMap) {
    options
        .propagator
        .inject_context(context, &mut HeaderInjector(headers));
}

#[cfg(feature = "axum")]
fn route<'a>(head: &RequestHead<'a>) -> Option<&'a str> {
    let route = head.extensions().get::<axum::extract::MatchedPath>()?;
    Some(route.as_str())
}

#[cfg(not(feature = "axum"))]
fn route<'a>(_: &RequestHead<'a>) -> Option<&'a str> {
    None
}

/// The socket's other end, from whichever server put it among the extensions.
fn peer(head: &RequestHead<'_>) -> Option<std::net::SocketAddr> {
    let extensions = head.extensions();
    #[cfg(feature = "tonic")]
    if let Some(info) = extensions.get::<tonic::transport::server::TcpConnectInfo>() {
        return info.remote_addr();
    }
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>() {
        return Some(info.0);
    }
    extensions.get::<std::net::SocketAddr>().copied()
}
