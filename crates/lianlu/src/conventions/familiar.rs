//! Whole descriptions of calls that a thread has described before.
//!
//! A server's calls of one method, from one peer, to one authority begin with the same name and the same bytes, as long as
//! nothing else has a say: no hook, no captured header, no proxy. Then looking them up is all there is to do.

use std::borrow::Cow;
use std::cell::RefCell;

use lianlu_sdk::direct::Ending;

use super::methods::Method;
use super::names::hash;
use super::settings::RpcStatusKey;
use super::sink::{Labels, Style};
use super::{Carried, Described};

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
    method: &'static str,
    style: Style,
    bytes: Vec<u8>,
    count: u32,
}

thread_local! {
    static CALLS: RefCell<Vec<Option<Box<Entry>>>> = const { RefCell::new(Vec::new()) };
}

/// Describes a call as it was described before; without an `ending`, for its metrics alone.
#[inline]
pub(crate) fn recall(call: Familiar<'_>, ending: Option<&mut Ending>) -> Option<Described> {
    let recalled = CALLS.try_with(|calls| {
        let calls = calls.try_borrow().ok()?;
        let entry = calls.get(call.place())?.as_ref()?;
        let is_it = entry.layer == call.layer
            && entry.peer == call.peer
            && entry.style.metrics == call.is_measured
            && entry.path == call.path
            && entry.authority == call.authority;
        // Calls that nobody recorded have left no bytes.
        let is_enough = ending.is_none() || entry.count > 0;
        (is_it && is_enough).then(|| {
            if let Some(ending) = ending {
                ending.attributes.extend_from_slice(&entry.bytes);
                ending.count = entry.count;
            }
            Described {
                name: Cow::Borrowed(entry.method),
                carried: Carried {
                    style: entry.style,
                    http_method: Cow::Borrowed(""),
                    has_route: true,
                    labels_later: true,
                    grpc_method: Method::Known(Cow::Borrowed(entry.method)),
                },
            }
        })
    });
    recalled.ok().flatten()
}

/// Keeps a description for the next call of the kind, if its method is one of the service's own.
#[cold]
pub(crate) fn remember(call: Familiar<'_>, described: &Described, ending: Option<&Ending>) {
    let Method::Known(Cow::Borrowed(method)) = described.carried.grpc_method else {
        return;
    };
    let is_short = call.path.len() <= LONGEST && call.authority.len() <= LONGEST;
    if !is_short || !matches!(described.name, Cow::Borrowed(name) if name == method) {
        return;
    }
    let entry = Box::new(Entry {
        layer: call.layer,
        path: call.path.to_owned(),
        authority: call.authority.to_owned(),
        peer: call.peer,
        method,
        style: described.carried.style,
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

type LabelKey = (&'static str, Style, RpcStatusKey);

struct LabelEntry {
    key: LabelKey,
    labels: Labels,
}

/// How many methods' labels a thread keeps.
const LABEL_PLACES: usize = 64;

thread_local! {
    static LABELS: RefCell<Vec<Option<Box<LabelEntry>>>> = const { RefCell::new(Vec::new()) };
}

/// Hands over the labels of a method, made once.
#[inline]
pub(super) fn with_labels(key: LabelKey, make: impl Fn() -> Labels, then: impl FnOnce(&Labels)) {
    let place = usize::try_from(hash(key.0) % LABEL_PLACES as u64).unwrap_or_default();
    let mut then = Some(then);
    let _ = LABELS.try_with(|labels| {
        // Whoever records may call something that is traced itself: looking is all that is done meanwhile.
        if let Ok(labels) = labels.try_borrow()
            && let Some(Some(entry)) = labels.get(place)
            && entry.key == key
            && let Some(then) = then.take()
        {
            then(&entry.labels);
        }
    });
    if let Some(then) = then {
        let labels = make();
        then(&labels);
        keep_labels(place, LabelEntry { key, labels });
    }
}

#[cold]
fn keep_labels(place: usize, entry: LabelEntry) {
    let _ = LABELS.try_with(|labels| {
        if let Ok(mut labels) = labels.try_borrow_mut() {
            if labels.is_empty() {
                labels.resize_with(LABEL_PLACES, || None);
            }
            if let Some(place) = labels.get_mut(place) {
                *place = Some(Box::new(entry));
            }
        }
    });
}
