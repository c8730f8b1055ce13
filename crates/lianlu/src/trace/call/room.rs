//! The room that a call takes, used again by the next one on its thread.
//!
//! A call needs a box, because it moves with its future and its body, and lists for what is known of it. Both are kept
//! when it ends, so that a thread that serves calls allocates for none of them.

use std::cell::RefCell;
use std::sync::Arc;

use opentelemetry::Context;

use super::{Call, NewCall};
use crate::conventions::Failure;
use crate::conventions::sink::Labels;
use crate::trace::direct::{Ending, Users};
use crate::trace::request_body::RequestMeter;

/// A box for a call, with lists beside it. The call is taken out at its end, so that nothing of a user's is held for
/// longer.
#[derive(Debug, Default)]
pub(in crate::trace) struct Room {
    call: Option<Call>,
    pub(in crate::trace) lists: Lists,
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

    #[inline]
    pub(in crate::trace) fn get(&self) -> Option<&Call> {
        self.0.call.as_ref()
    }

    #[inline]
    pub(in crate::trace) fn get_mut(&mut self) -> Option<&mut Call> {
        self.0.call.as_mut()
    }

    /// Counts what there is to be counted of the request's body.
    #[inline]
    pub(in crate::trace) fn meter_request<B: 'static>(&mut self, body: &mut B, context: &Context) {
        if let Some(call) = &mut self.0.call {
            call.meter_request(body, context, &mut self.0.lists.meter);
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
