//! The template cache of a thread.

use std::cell::RefCell;
use std::sync::Arc;

use super::{CallKey, CallTemplate};
use crate::hash::MIX;
use crate::request::RequestHead;

/// How many templates a thread keeps. A new one replaces the one in its slot.
const SLOTS: usize = 256;

#[derive(Default)]
struct Slot {
    /// The hash of the last described call.
    last: u64,
    template: Option<Arc<CallTemplate>>,
}

thread_local! {
    static TEMPLATES: RefCell<Vec<Slot>> = const { RefCell::new(Vec::new()) };
}

#[inline]
#[allow(clippy::cast_possible_truncation)]
fn index(hash: u64) -> usize {
    // Multiplying spreads entropy to the high bits.
    (hash.wrapping_mul(MIX) >> (u64::BITS - SLOTS.ilog2())) as usize
}

/// The template for a key.
#[inline]
pub(super) fn find(key: &CallKey<'_>, head: &RequestHead<'_>) -> Option<Arc<CallTemplate>> {
    let found = TEMPLATES.try_with(|templates| {
        let templates = templates.try_borrow().ok()?;
        let template = templates.get(index(key.hash))?.template.as_ref()?;
        template.key.is(key, head).then(|| Arc::clone(template))
    });
    found.ok().flatten()
}

/// Stores the template that `make` makes, if a key with this hash has occurred before.
pub(super) fn insert(hash: u64, make: impl FnOnce() -> CallTemplate) {
    let mut replaced = None;
    let _ = TEMPLATES.try_with(|templates| {
        let Ok(mut templates) = templates.try_borrow_mut() else {
            return;
        };
        if templates.is_empty() {
            templates.resize_with(SLOTS, Slot::default);
        }
        let Some(slot) = templates.get_mut(index(hash)) else {
            return;
        };
        if std::mem::replace(&mut slot.last, hash) == hash {
            replaced = slot.template.replace(Arc::new(make()));
        }
    });
    // Dropped outside of the borrow.
    drop(replaced);
}
