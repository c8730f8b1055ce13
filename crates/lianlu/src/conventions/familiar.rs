//! Whole descriptions of calls that a thread has described before.
//!
//! A server's calls of one method, from one peer, to one authority begin with the same name and the same bytes, as long as
//! nothing else has a say: no hook, no captured header, no proxy. Then looking them up is all there is to do.

use std::cell::RefCell;

use lianlu_sdk::direct::Ending;

use super::Described;
use super::names::hash;
use super::success::Success;

/// What tells a call from others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Familiar<'a> {
    /// Which layer, with which settings.
    pub(crate) layer: u64,
    pub(crate) path: &'a str,
    pub(crate) authority: &'a str,
    /// An IPv4 address and port; 0 for none.
    pub(crate) peer: u64,
    pub(crate) is_measured: bool,
}

impl Familiar<'_> {
    #[inline]
    fn place(&self) -> usize {
        let mixed = self.peer.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.layer;
        let hash = hash(self.path) ^ mixed ^ mixed >> 31;
        usize::try_from(hash % PLACES as u64).unwrap_or_default()
    }
}

/// How many a thread remembers. A new one takes the place of another.
const PLACES: usize = 256;

/// Longer texts are no names that come again.
const LONGEST: usize = 256;

struct Entry {
    layer: u64,
    path: String,
    authority: String,
    peer: u64,
    success: &'static Success,
    bytes: Vec<u8>,
    count: u32,
}

thread_local! {
    static CALLS: RefCell<Vec<Option<Box<Entry>>>> = const { RefCell::new(Vec::new()) };
}

/// Describes a call as it was described before; without an `ending`, for its metrics alone.
#[inline]
pub(crate) fn recall(call: Familiar<'_>, ending: Option<&mut Ending>) -> Option<&'static Success> {
    let recalled = CALLS.try_with(|calls| {
        let calls = calls.try_borrow().ok()?;
        let entry = calls.get(call.place())?.as_ref()?;
        let is_it = entry.layer == call.layer
            && entry.peer == call.peer
            && entry.success.is_measured() == call.is_measured
            && entry.path == call.path
            && entry.authority == call.authority;
        if !is_it {
            return None;
        }
        if let Some(ending) = ending {
            // Calls that nobody recorded have left no bytes.
            if entry.count == 0 {
                return None;
            }
            ending.attributes.extend_from_slice(&entry.bytes);
            ending.count = entry.count;
        }
        Some(entry.success)
    });
    recalled.ok().flatten()
}

/// Keeps a description for the next call of the kind, if its method is one of the service's own.
#[cold]
pub(crate) fn remember(call: Familiar<'_>, described: &Described, ending: Option<&Ending>) {
    let Some(success) = described.carried.success else {
        return;
    };
    let is_short = call.path.len() <= LONGEST && call.authority.len() <= LONGEST;
    if !is_short || described.name != success.method() {
        return;
    }
    let entry = Box::new(Entry {
        layer: call.layer,
        path: call.path.to_owned(),
        authority: call.authority.to_owned(),
        peer: call.peer,
        success,
        bytes: ending
            .map(|ending| ending.attributes.clone())
            .unwrap_or_default(),
        count: ending.map_or(0, |ending| ending.count),
    });
    let _ = CALLS.try_with(|calls| {
        if let Ok(mut calls) = calls.try_borrow_mut() {
            if calls.is_empty() {
                calls.resize_with(PLACES, || None);
            }
            if let Some(place) = calls.get_mut(call.place()) {
                *place = Some(entry);
            }
        }
    });
}
