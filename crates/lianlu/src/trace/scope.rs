//! What stays current while the service and its body run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use opentelemetry::Context;

use super::call::{Call, CallBox};
use crate::conventions::Failure;

/// A context, and the call if it is traced. Ends the call once, at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Scope {
    context: Context,
    /// Boxed: the scope moves with the future and its response.
    call: Option<CallBox>,
    /// Set while the service or the body runs: still set at the drop, it has panicked.
    running: bool,
}

impl Scope {
    /// The context is current, no span is made.
    pub(crate) fn untraced(context: Context) -> Self {
        Self {
            context,
            call: None,
            running: false,
        }
    }

    pub(super) fn traced(context: Context, call: CallBox) -> Self {
        Self {
            context,
            call: Some(call),
            running: false,
        }
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn call(&mut self) -> Option<&mut Call> {
        self.call.as_mut()?.get_mut()
    }

    /// The call with its context.
    pub(super) fn parts(&mut self) -> (&Context, Option<&mut Call>) {
        let call = self.call.as_mut();
        (&self.context, call.and_then(CallBox::get_mut))
    }

    /// Runs a piece of the call with its context current. A panic in it is seen when the call is
    /// dropped.
    pub(crate) fn enter<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let _current = self.context.clone().attach();
        self.running = true;
        let result = run();
        self.running = false;
        result
    }

    /// Ends the call, if it is traced and still open.
    pub(crate) fn end(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(&self.context, failure);
        }
    }

    /// Begins another slice of a stream, if one is due.
    pub(super) fn slice_if_due(&mut self) {
        if let Some(call) = self.call.as_mut().and_then(CallBox::get_mut)
            && let Some(next) = call.next_slice(&self.context, Instant::now())
        {
            self.context = next;
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let Some(call) = self.call.as_ref().and_then(CallBox::get) else {
            return;
        };
        let failure = if self.running {
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
