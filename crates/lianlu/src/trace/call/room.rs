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
use crate::trace::direct::Ending;
use crate::trace::request_body::RequestMeter;

/// An empty box, and empty lists with room in them.
#[derive(Debug, Default)]
pub(in crate::trace) struct Room {
    // What is inside is taken out at the end, so that nothing of a user's is held for longer.
    place: Box<Option<Call>>,
    pub(in crate::trace) lists: Lists,
}

#[derive(Debug, Default)]
pub(in crate::trace) struct Lists {
    pub(in crate::trace) labels: Labels,
    pub(in crate::trace) ending: Option<Box<Ending>>,
    pub(in crate::trace) meter: Option<Arc<RequestMeter>>,
}

thread_local! {
    static ROOMS: RefCell<Vec<Room>> = const { RefCell::new(Vec::new()) };
}

/// How many a thread keeps: as many calls as it has open at once, within reason.
const MOST: usize = 64;

impl Room {
    #[inline]
    pub(in crate::trace) fn take() -> Self {
        let kept = ROOMS.try_with(|rooms| rooms.try_borrow_mut().ok()?.pop());
        kept.ok().flatten().unwrap_or_default()
    }

    /// Moves a call in, with what it has not used of the lists.
    #[inline]
    pub(in crate::trace) fn fill(mut self, new: NewCall<'_>) -> CallBox {
        *self.place = Some(Call::new(new, self.lists));
        CallBox(self.place)
    }

    /// Keeps it for the next call.
    #[inline]
    pub(in crate::trace) fn keep(mut self) {
        self.lists.labels.clear();
        if let Some(ending) = &mut self.lists.ending {
            ending.clear();
        }
        let _ = ROOMS.try_with(|rooms| {
            if let Ok(mut rooms) = rooms.try_borrow_mut()
                && rooms.len() < MOST
            {
                rooms.push(self);
            }
        });
    }
}

/// A call in its box.
#[derive(Debug)]
pub(in crate::trace) struct CallBox(Box<Option<Call>>);

impl CallBox {
    #[inline]
    pub(in crate::trace) fn get(&self) -> Option<&Call> {
        (*self.0).as_ref()
    }

    #[inline]
    pub(in crate::trace) fn get_mut(&mut self) -> Option<&mut Call> {
        (*self.0).as_mut()
    }

    /// Says how the call went, and keeps its room.
    pub(in crate::trace) fn end(mut self, context: &Context, failure: Option<Failure>) {
        let lists = match self.get_mut() {
            Some(call) => {
                call.end(context, failure);
                call.take_lists()
            }
            None => Lists::default(),
        };
        *self.0 = None;
        Room {
            place: self.0,
            lists,
        }
        .keep();
    }
}
