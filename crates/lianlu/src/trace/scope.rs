//! What stays current while the service and its body run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::time::Instant;

use opentelemetry::{Context, ContextGuard};

#[cfg(feature = "pipeline")]
use super::call::UsualCall;
use super::call::{Call, CallBox};
use super::request_body::carry;
use crate::conventions::Failure;

/// A context, and the call if it is traced. Ends the call once, at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Scope {
    context: Context,
    /// Boxed: the scope moves with the future and its response.
    call: Option<CallBox>,
    /// Set while the service or the body runs: still set at the drop, it has panicked.
    running: bool,
    /// Whether the request's body gets the context, where there is no call to count it for.
    is_for_body: bool,
}

impl Scope {
    /// The context is current, no span is made.
    pub(crate) fn untraced(context: Context) -> Self {
        Self {
            context,
            call: None,
            running: false,
            is_for_body: false,
        }
    }

    /// The same of a call of the service, of which nobody will hear: the context of a gRPC call goes with its requests,
    /// as it does with those of calls that are counted.
    pub(super) fn unheard(context: Context, is_grpc: bool) -> Self {
        let mut scope = Self::untraced(context);
        scope.is_for_body = is_grpc;
        scope
    }

    pub(super) fn traced(context: Context, call: CallBox) -> Self {
        Self {
            context,
            call: Some(call),
            running: false,
            is_for_body: false,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn is_traced(&self) -> bool {
        self.call.is_some()
    }

    /// The call, for all that can happen to one.
    pub(super) fn call(&mut self) -> Option<&mut Call> {
        self.call.as_mut()?.get_mut()
    }

    /// Counts what there is to be counted of the request's body.
    pub(super) fn meter_request<B: 'static>(&mut self, body: &mut B) {
        if let Some(call) = &mut self.call {
            call.meter_request(body, &self.context);
        } else if self.is_for_body {
            carry(body, &self.context);
        }
    }

    /// The call with its context.
    pub(super) fn parts(&mut self) -> (&Context, Option<&mut Call>) {
        let call = self.call.as_mut();
        (&self.context, call.and_then(CallBox::get_mut))
    }

    /// Runs a piece of the call with its context current. A panic in it is seen when the call is
    /// dropped.
    #[inline]
    pub(crate) fn enter<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let _current = self.attach();
        self.run(run)
    }

    /// Makes the call's context current.
    #[inline]
    pub(super) fn attach(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// As [`enter`](Self::enter), where the context is current already.
    #[inline]
    pub(super) fn run<T>(&mut self, run: impl FnOnce() -> T) -> T {
        self.running = true;
        let result = run();
        self.running = false;
        result
    }

    /// Ends the call, if it is traced and still open.
    pub(crate) fn end(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(&self.context, failure, false);
        }
    }

    /// As [`end`](Self::end), where the context is current.
    pub(super) fn end_here(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(&self.context, failure, true);
        }
    }

    #[inline]
    fn is_sliced(&self) -> bool {
        self.call.as_ref().is_some_and(CallBox::is_sliced)
    }

    /// Has the stream's task polled when its slice is over, if it is sliced.
    #[inline]
    pub(super) fn wake_for_slice(&mut self, waker: &Waker) {
        if self.is_sliced()
            && let Some(call) = self.call()
        {
            call.wake_for_slice(waker);
        }
    }

    /// The call, if there is nothing special to say of it so far.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(super) fn usual(&mut self) -> Option<&mut UsualCall> {
        self.call.as_mut()?.usual()
    }

    /// Begins another slice of a stream, if one is due.
    #[inline]
    pub(super) fn slice_if_due(&mut self) {
        // The clock is read for those alone that have slices.
        if self.is_sliced()
            && let (context, Some(call)) = self.parts()
            && let Some(next) = call.next_slice(context, Instant::now())
        {
            self.context = next;
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let running = self.running;
        let Some(call) = self.call() else { return };
        let failure = if running {
            Failure::Panic
        } else if call.is_overdue() {
            Failure::Deadline
        } else {
            Failure::Dropped
        };
        if std::thread::panicking() {
            // A hook that panics now would end the process.
            let end = AssertUnwindSafe(|| self.end(Some(failure)));
            let _ = catch_unwind(end);
        } else {
            self.end(Some(failure));
        }
    }
}
