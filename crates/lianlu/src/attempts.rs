//! Counts the attempts that one call of a client takes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use opentelemetry::Context as OtelContext;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A layer that counts the requests that one call becomes: retries, redirects.
///
/// It goes outside of whatever sends a request again, with [`client()`](crate::client) inside:
///
/// ```text
/// attempts() ─► retry, or follow redirects ─► client() ─► transport
/// ```
///
/// Each attempt is then a span of its own, a sibling of the others, with its own `traceparent`; from
/// the second on it has the attribute [`http.request.resend_count`]: 1, 2, and so on. An attempt that
/// has no span, because it is filtered or not sampled, counts all the same. (The conventions for gRPC
/// have no such attribute: there the attempts are told apart by their order alone.)
///
/// The counter belongs to the call: it is a value of the OpenTelemetry context that is current while
/// the layers inside run, so nothing that they do to the request loses it. What [`client()`]'s
/// transport sends on its own behalf doesn't count. What a retry's policy sends through *another*
/// traced client (for a new token, say) does, unless that client has an `attempts()` of its own.
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
/// Requests that are sent again by hand say so themselves, with a [`ResendCount`](crate::ResendCount).
///
/// [`client()`]: crate::client
/// [`http.request.resend_count`]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span
pub fn attempts() -> AttemptsLayer {
    AttemptsLayer { _private: () }
}

/// The layer that [`attempts()`] makes.
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

/// A service whose calls count the attempts inside, see [`attempts()`].
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

/// How often a call has been sent, shared by all that send it. By default nobody counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(Option<Arc<AtomicU32>>);

impl Attempts {
    pub(crate) fn counting() -> Self {
        Self(Some(Arc::default()))
    }

    /// Counts one attempt, and says how many were before it. `None` if nobody counts.
    pub(crate) fn next(&self) -> Option<u32> {
        Some(self.0.as_ref()?.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }
}
