//! Boxes for calls, reused by the next call on the same thread.
//!
//! A call is boxed because it moves with its future and its body, and it needs buffers for its
//! description. Box and buffers are kept when the call ends, so that serving a call allocates
//! neither.

use std::cell::RefCell;
use std::sync::Arc;

use super::request_meter::RequestMeter;
use super::{Call, RareState};
use crate::describe::labels::Labels;
use crate::describe::response::Failure;
use crate::span::SpanScratch;
use opentelemetry::Context;

/// Buffers that a call uses.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) labels: Labels,
    pub(super) span: SpanScratch,
    /// The meter of the last call.
    pub(super) meter: Option<Arc<RequestMeter>>,
    pub(super) rare: Option<Box<RareState>>,
}

impl Scratch {
    /// Removes what a description has left. A template leaves nothing.
    pub(super) fn clear(&mut self) {
        self.labels.clear();
        self.span.clear();
    }
}

/// A box for a call, with its buffers. The call itself is dropped when it ends, so that no user
/// data is kept longer.
#[derive(Debug, Default)]
struct Slot {
    call: Option<Call>,
    scratch: Scratch,
}

thread_local! {
    // Boxes, because calls move.
    #[allow(clippy::vec_box)]
    static POOL: RefCell<Vec<Box<Slot>>> = const { RefCell::new(Vec::new()) };
}

/// How many boxes a thread keeps: as many as the calls it has open at once, within reason.
const MOST: usize = 64;

/// A call in its box, or an empty box.
#[derive(Debug)]
pub(super) struct CallBox(Box<Slot>);

impl CallBox {
    #[inline]
    pub(super) fn take() -> Self {
        let kept = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop());
        Self(kept.ok().flatten().unwrap_or_else(Self::new_slot))
    }

    #[cold]
    fn new_slot() -> Box<Slot> {
        Box::default()
    }

    #[inline]
    pub(super) fn scratch(&mut self) -> &mut Scratch {
        &mut self.0.scratch
    }

    /// Moves a call into the box.
    #[inline]
    pub(super) fn fill(&mut self, call: Call) {
        self.0.call = Some(call);
    }

    #[inline]
    pub(super) fn get(&self) -> Option<&Call> {
        self.0.call.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self) -> Option<&mut Call> {
        self.0.call.as_mut()
    }

    /// Lets `meter` count the request's body. `meter` gets a meter that an earlier call may have
    /// left.
    #[inline]
    pub(super) fn meter_request(
        &mut self,
        meter: impl FnOnce(&Call, Option<Arc<RequestMeter>>) -> Option<Arc<RequestMeter>>,
    ) {
        if let Some(call) = &mut self.0.call {
            let spare = self.0.scratch.meter.take();
            call.requests = meter(call, spare);
        }
    }

    /// Ends the call and keeps its box. `is_current`: the call's context is current.
    #[inline]
    pub(super) fn end(mut self, context: &Context, failure: Option<Failure>, is_current: bool) {
        let slot = &mut *self.0;
        if let Some(call) = &mut slot.call {
            call.end(&mut slot.scratch, context, failure, is_current);
        }
        slot.call = None;
        self.keep();
    }

    /// Returns the box to the pool.
    #[inline]
    pub(super) fn keep(self) {
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.len() < MOST
            {
                pool.push(self.0);
            }
        });
    }
}
