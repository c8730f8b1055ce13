//! The service: starts a phase's span and passes it to the future.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use tower_service::Service;

use super::future::PhaseFuture;
use super::phase::{Opened, Opener, PhaseOf};
use crate::span::source::TracerSource;

/// A resolver or connector that makes spans.
///
/// Requests and responses are those of the inner service; errors are boxed.
#[derive(Debug)]
pub struct PhaseService<S, P> {
    inner: S,
    tracer: TracerSource,
    phase: PhantomData<P>,
}

impl<S: Clone, P> Clone for PhaseService<S, P> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.tracer.clone())
    }
}

impl<S, P> PhaseService<S, P> {
    pub(super) fn new(inner: S, tracer: TracerSource) -> Self {
        Self {
            inner,
            tracer,
            phase: PhantomData,
        }
    }
}

impl<S, P, R> Service<R> for PhaseService<S, P>
where
    S: Service<R>,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    P: PhaseOf<R, S::Response>,
{
    type Response = S::Response;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = PhaseFuture<S::Future, P, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let open = P::open(Opener(&self.tracer), &request).map(|Opened(open)| open);
        let inner = &mut self.inner;
        let future = match &open {
            Some(open) => open.enter(|| inner.call(request)),
            None => inner.call(request),
        };
        PhaseFuture::new(future, open)
    }
}
