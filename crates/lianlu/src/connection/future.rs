//! The future of a connection phase.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::open_phase::OpenPhase;
use super::phase::{Dns, Phase, PhaseOf};
use crate::call::error::failure;
use crate::call::error_class::NAME_RESOLUTION;
use crate::describe::response::Failure;

pin_project! {
    /// The future of a [`PhaseService`](super::PhaseService). The phase's span is current while the
    /// inner future is polled.
    #[must_use = "futures do nothing unless polled"]
    pub struct PhaseFuture<F, P, R> {
        #[pin]
        inner: F,
        open: Option<OpenPhase>,
        phase: PhantomData<fn(P, R)>,
    }
}

impl<F, P, R> PhaseFuture<F, P, R> {
    pub(super) fn new(inner: F, open: Option<OpenPhase>) -> Self {
        Self {
            inner,
            open,
            phase: PhantomData,
        }
    }
}

impl<F, P, R, T, E> Future for PhaseFuture<F, P, R>
where
    F: Future<Output = Result<T, E>>,
    P: PhaseOf<R, T>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    type Output = Result<T, Box<dyn StdError + Send + Sync>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.open {
            Some(open) => ready!(open.enter(|| this.inner.poll(cx))),
            None => ready!(this.inner.poll(cx)),
        };
        let result = result.map_err(Into::into);
        if let Some(open) = this.open.take() {
            match &result {
                Ok(response) => open.succeed(P::peer(response)),
                Err(error) => open.fail(of_phase(P::NAME, failure(error))),
            }
        }
        Poll::Ready(result)
    }
}

/// The failure of a phase. A resolver's error has no class of its own.
fn of_phase(name: &str, mut failure: Failure) -> Failure {
    if let Failure::Error { class, .. } = &mut failure
        && name == Dns::NAME
        && class != "timeout"
    {
        *class = NAME_RESOLUTION.into();
    }
    failure
}

impl<F: fmt::Debug, P, R> fmt::Debug for PhaseFuture<F, P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhaseFuture")
            .field("inner", &self.inner)
            .field("open", &self.open)
            .finish()
    }
}
