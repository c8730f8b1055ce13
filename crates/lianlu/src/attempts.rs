//! Counts the attempts of a client call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use opentelemetry::Context as OtelContext;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A layer that counts the attempts of a call: retries and redirects.
///
/// Place it outside of the layer that resends requests, with [`client()`](crate::client) inside:
///
/// ```text
/// attempts() ─► retry, or follow redirects ─► client() ─► transport
/// ```
///
/// Each attempt then has its own span, a sibling of the others, with its own `traceparent`. From
/// the second attempt on, the span has the attribute [`http.request.resend_count`]: 1, 2, and so
/// on. An attempt without a span, because it is filtered or not sampled, is counted too. (The gRPC
/// conventions have no such attribute; there, only the order of the attempts distinguishes them.)
///
/// The counter is a value of the OpenTelemetry context that is current while the inner layers run,
/// so it is kept even if they rebuild the request. Requests that the transport inside [`client()`]
/// sends on its own are not counted. Requests that a retry policy sends through *another* traced
/// client, for example to refresh a token, are counted unless that client has its own `attempts()`.
///
/// ```
/// # #[cfg(feature = "hyper")] {
/// use http_body_util::Empty;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::ServiceBuilder;
/// use tower_http::follow_redirect::FollowRedirectLayer;
///
/// let client: Client<_, Empty<bytes::Bytes>> = Client::builder(TokioExecutor::new()).build_http();
/// let client = ServiceBuilder::new()
///     .layer(lianlu::attempts())
///     .layer(FollowRedirectLayer::new())
///     .layer(lianlu::client())
///     .service(client);
/// # let _ = client;
/// # }
/// ```
///
/// For requests that you resend yourself, set a [`ResendCount`](crate::layer::ResendCount).
///
/// [`client()`]: crate::client
/// [`http.request.resend_count`]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
pub fn attempts() -> AttemptsLayer {
    AttemptsLayer { _private: () }
}

/// The layer that [`attempts()`] returns.
#[derive(Debug, Clone)]
#[must_use]
pub struct AttemptsLayer {
    _private: (),
}

impl<S> Layer<S> for AttemptsLayer {
    type Service = AttemptsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptsService { inner }
    }
}

/// A service that counts the attempts of its calls, see [`attempts()`].
#[derive(Debug, Clone)]
pub struct AttemptsService<S> {
    inner: S,
}

impl<S, R> Service<R> for AttemptsService<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = AttemptsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let context = OtelContext::current_with_value(Attempts::counting());
        let _current = context.clone().attach();
        AttemptsFuture {
            inner: self.inner.call(request),
            context,
        }
    }
}

pin_project! {
    /// The future of an [`AttemptsService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct AttemptsFuture<F> {
        #[pin]
        inner: F,
        context: OtelContext,
    }
}

impl<F: Future> Future for AttemptsFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _current = this.context.clone().attach();
        this.inner.poll(cx)
    }
}

/// The number of attempts so far, shared by all attempts of a call. Off by default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(Option<Arc<AtomicU32>>);

impl Attempts {
    pub(crate) fn counting() -> Self {
        Self(Some(Arc::default()))
    }

    /// Counts an attempt and returns the number of earlier ones. `None` if counting is off.
    pub(crate) fn next(&self) -> Option<u32> {
        Some(self.0.as_ref()?.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}
