//! A call in progress, with the context that is current while the service and its body run.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use opentelemetry::{Context, ContextGuard};

use super::Call;
use super::panics;
use super::pool::CallBox;
use super::request_meter::{RequestMeter, RequestWants};
use crate::describe::response::Failure;

/// A context, and the call if it is recorded or measured. Ends the call exactly once, at the latest
/// when it is dropped.
#[derive(Debug)]
pub(crate) struct ActiveCall {
    context: Context,
    /// Boxed, because it moves with the future and its response.
    call: Option<CallBox>,
    /// The number of the next panic when the service or the body began to run, zero while it does
    /// not run. If it is still set on drop, that code has panicked.
    running_since: u32,
    /// True if the request's body is polled with the context although there is no call that counts
    /// it.
    is_for_body: bool,
}

impl ActiveCall {
    /// The context is current, but no span is made.
    pub(crate) fn untraced(context: Context) -> Self {
        Self {
            context,
            call: None,
            running_since: 0,
            is_for_body: false,
        }
    }

    /// Not recorded and not measured: only the context is propagated. For gRPC it is also current
    /// while the request's body is polled, as it is for calls that are counted.
    pub(super) fn propagated(context: Context, is_grpc: bool) -> Self {
        let mut active = Self::untraced(context);
        active.is_for_body = is_grpc;
        active
    }

    #[inline]
    pub(super) fn traced(context: Context, call: CallBox) -> Self {
        Self {
            context,
            call: Some(call),
            running_since: 0,
            is_for_body: false,
        }
    }

    #[inline]
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    #[inline]
    pub(crate) fn call(&mut self) -> Option<&mut Call> {
        self.call.as_mut()?.get_mut()
    }

    /// Lets `wrap` meter the request's body, or poll it with the call's context. `wrap` gets what
    /// to count and a meter that an earlier call may have left.
    #[inline]
    pub(crate) fn meter_request(
        &mut self,
        wrap: impl FnOnce(
            &Context,
            RequestWants,
            Option<Arc<RequestMeter>>,
        ) -> Option<Arc<RequestMeter>>,
    ) {
        if let Some(call) = &mut self.call {
            let context = &self.context;
            call.meter_request(|call, spare| {
                let wants = call.request_wants();
                if wants.is_nothing() {
                    return None;
                }
                wrap(context, wants, spare)
            });
        } else if self.is_for_body {
            wrap(&self.context, RequestWants::default(), None);
        }
    }

    /// The context and the call.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&Context, Option<&mut Call>) {
        let call = self.call.as_mut();
        (&self.context, call.and_then(CallBox::get_mut))
    }

    /// Runs a part of the call with its context current. If it panics, the panic is noticed when
    /// the call is dropped.
    #[inline]
    pub(crate) fn enter<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let _current = self.attach();
        self.run(run)
    }

    /// Makes the call's context current.
    #[inline]
    pub(crate) fn attach(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// As [`enter`](Self::enter), if the context is already current.
    #[inline]
    pub(crate) fn run<T>(&mut self, run: impl FnOnce() -> T) -> T {
        self.set_running(true);
        let result = run();
        self.set_running(false);
        result
    }

    /// Marks the begin and the end of code of the service, as [`run`](Self::run) does.
    #[inline]
    pub(crate) fn set_running(&mut self, is_running: bool) {
        self.running_since = match is_running {
            true => panics::now(),
            false => 0,
        };
    }

    /// Ends the call, if it is traced and still open.
    pub(crate) fn end(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(&self.context, failure, false);
        }
    }

    /// As [`end`](Self::end), if the context is current.
    pub(crate) fn end_here(&mut self, failure: Option<Failure>) {
        if let Some(call) = self.call.take() {
            call.end(&self.context, failure, true);
        }
    }

    #[inline]
    fn is_sliced(&self) -> bool {
        let call = self.call.as_ref().and_then(CallBox::get);
        call.is_some_and(Call::is_sliced)
    }

    /// Wakes the stream's task when its slice is over, if the stream is sliced.
    #[inline]
    pub(crate) fn wake_for_slice(&mut self, waker: &Waker) {
        if self.is_sliced()
            && let Some(call) = self.call()
        {
            call.wake_for_slice(waker);
        }
    }

    /// Starts the next slice of a stream, if it is due.
    #[inline]
    pub(crate) fn slice_if_due(&mut self) {
        // The clock is read only for calls that have slices.
        if self.is_sliced() {
            self.start_due_slice();
        }
    }

    #[cold]
    fn start_due_slice(&mut self) {
        if let (context, Some(call)) = self.parts()
            && let Some(next) = call.next_slice(context, Instant::now())
        {
            self.context = next;
        }
    }
}

impl Drop for ActiveCall {
    #[inline]
    fn drop(&mut self) {
        if self.call.is_some() {
            self.end_unfinished();
        }
    }
}

impl ActiveCall {
    #[cold]
    fn end_unfinished(&mut self) {
        let running_since = self.running_since;
        let Some(call) = self.call() else { return };
        let failure = if running_since > 0 {
            Failure::Panic(panics::since(running_since))
        } else if call.is_overdue() {
            Failure::Deadline
        } else {
            Failure::Dropped
        };
        if std::thread::panicking() {
            // A panic in a hook during unwinding would abort the process.
            panics::ignore(|| self.end(Some(failure)));
        } else {
            self.end(Some(failure));
        }
    }
}
