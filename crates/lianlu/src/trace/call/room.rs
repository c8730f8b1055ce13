//! The room that a call takes, used again by the next one on its thread.
//!
//! A call needs a box, because it moves with its future and its body, and lists for what is known of it. Both are kept
//! when it ends, so that a thread that serves calls allocates for none of them.

use std::cell::RefCell;
use std::sync::Arc;

use opentelemetry::Context;

use super::{Call, NewCall, UsualCall};
use crate::conventions::Failure;
use crate::conventions::sink::Labels;
use crate::trace::direct::{Ending, Users};
use crate::trace::request_body::RequestMeter;

/// A box for a call, with lists beside it. The call is taken out at its end, so that nothing of a user's is held for
/// longer.
#[derive(Debug, Default)]
pub(in crate::trace) struct Room {
    /// While there is nothing special to say of the call, which is not in `call` then.
    usual: Option<UsualCall>,
    call: Option<Call>,
    pub(in crate::trace) lists: Lists,
}

impl Room {
    /// Makes a usual call one of which anything can be said.
    #[inline]
    fn unfold(&mut self) {
        #[cfg(feature = "pipeline")]
        if let Some(call) = self.usual.take() {
            self.call = Some(call.unfold());
        }
    }
}

#[derive(Debug, Default)]
pub(in crate::trace) struct Lists {
    pub(in crate::trace) labels: Labels,
    /// `None` before there was one.
    pub(in crate::trace) ending: Option<Ending>,
    /// What the last span's users had, for the next one's.
    pub(in crate::trace) users: Option<Arc<Users>>,
    pub(in crate::trace) meter: Option<Arc<RequestMeter>>,
}

thread_local! {
    // Boxes, because calls move.
    #[allow(clippy::vec_box)]
    static ROOMS: RefCell<Vec<Box<Room>>> = const { RefCell::new(Vec::new()) };
}

/// How many a thread keeps: as many calls as it has open at once, within reason.
const MOST: usize = 64;

/// A call in its room, or a room for one.
#[derive(Debug)]
pub(in crate::trace) struct CallBox(Box<Room>);

impl CallBox {
    #[inline]
    pub(in crate::trace) fn empty() -> Self {
        let kept = ROOMS.try_with(|rooms| rooms.try_borrow_mut().ok()?.pop());
        Self(kept.ok().flatten().unwrap_or_default())
    }

    #[inline]
    pub(in crate::trace) fn lists(&mut self) -> &mut Lists {
        &mut self.0.lists
    }

    /// Moves a call in.
    #[inline]
    pub(in crate::trace) fn fill(&mut self, new: NewCall<'_>) {
        self.0.call = Some(Call::new(new));
    }

    /// The same for one of which there is nothing special to say.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(in crate::trace) fn fill_usual(&mut self, call: UsualCall) {
        self.0.usual = Some(call);
    }

    /// The call, if there is nothing special to say of it so far.
    #[cfg(feature = "pipeline")]
    #[inline]
    pub(in crate::trace) fn usual(&mut self) -> Option<&mut UsualCall> {
        self.0.usual.as_mut()
    }

    /// The call, for all that can happen to one.
    #[inline]
    pub(in crate::trace) fn get_mut(&mut self) -> Option<&mut Call> {
        self.0.unfold();
        self.0.call.as_mut()
    }

    #[inline]
    pub(in crate::trace) fn is_sliced(&self) -> bool {
        self.0.call.as_ref().is_some_and(Call::is_sliced)
    }

    /// Counts what there is to be counted of the request's body.
    #[inline]
    pub(in crate::trace) fn meter_request<B: 'static>(&mut self, body: &mut B, context: &Context) {
        let Room { usual, call, lists } = &mut *self.0;
        #[cfg(feature = "pipeline")]
        if let Some(call) = usual {
            return call.meter_request(body, context, &mut lists.meter);
        }
        let _ = usual;
        if let Some(call) = call {
            call.meter_request(body, context, &mut lists.meter);
        }
    }

    /// Says how the call went, and keeps its room. `is_current`: the context is already.
    pub(in crate::trace) fn end(
        mut self,
        context: &Context,
        failure: Option<Failure>,
        is_current: bool,
    ) {
        let room = &mut *self.0;
        #[cfg(feature = "pipeline")]
        if failure.is_none()
            && let Some(call) = room.usual.as_mut().filter(|call| call.is_ok)
        {
            call.end(&mut room.lists, context, is_current);
            room.lists.meter = call.requests.take().or(room.lists.meter.take());
            room.usual = None;
            return self.keep();
        }
        room.unfold();
        if let Some(call) = &mut room.call {
            call.end(&mut room.lists, context, failure, is_current);
            room.lists.meter = call.requests.take().or(room.lists.meter.take());
        }
        room.call = None;
        self.keep();
    }

    /// Keeps the room for the next call.
    #[inline]
    pub(in crate::trace) fn keep(mut self) {
        self.0.lists.labels.clear();
        if let Some(ending) = &mut self.0.lists.ending {
            ending.clear();
        }
        let _ = ROOMS.try_with(|rooms| {
            if let Ok(mut rooms) = rooms.try_borrow_mut()
                && rooms.len() < MOST
            {
                rooms.push(self.0);
            }
        });
    }
}
