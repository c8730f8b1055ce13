//! Interned names: texts shared by many calls, kept as constants.
//!
//! A metric's label owns its text, and so does a span's name. Without an interner, each call would
//! copy the same few texts. Only the service's own names are interned (its methods, its route
//! templates), up to a limit; names beyond the limit are copied for each call.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A set of texts that only grows. Reads take no lock.
#[derive(Debug)]
pub(crate) struct Interner<const SLOTS: usize> {
    slots: [OnceLock<Box<str>>; SLOTS],
    /// How many slots are taken. At most half of them, or a few more if threads add at the same
    /// time: this keeps probes short.
    taken: AtomicUsize,
}

impl<const SLOTS: usize> Interner<SLOTS> {
    pub(crate) const MOST: usize = SLOTS / 2;

    pub(crate) const fn new() -> Self {
        Self {
            slots: [const { OnceLock::new() }; SLOTS],
            taken: AtomicUsize::new(0),
        }
    }

    /// The slots for a hash, in probing order.
    fn slots(&self, hash: u64) -> impl Iterator<Item = &OnceLock<Box<str>>> {
        let first = usize::try_from(hash % SLOTS as u64).unwrap_or_default();
        let (before, after) = self.slots.split_at(first);
        after.iter().chain(before)
    }

    /// The interned text, if there is one.
    fn find(&self, hash: u64, is_it: impl Fn(&str) -> bool) -> Option<&str> {
        for slot in self.slots(hash) {
            match slot.get() {
                Some(kept) if is_it(kept) => return Some(kept),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }

    /// Returns the interned text. If there is none and there is room, adds the one that `make`
    /// makes.
    fn keep_with(
        &self,
        hash: u64,
        is_it: impl Fn(&str) -> bool,
        make: impl FnOnce() -> Box<str>,
    ) -> Option<&str> {
        if let Some(kept) = self.find(hash, &is_it) {
            return Some(kept);
        }
        self.add(hash, is_it, make())
    }

    #[cold]
    fn add(&self, hash: u64, is_it: impl Fn(&str) -> bool, mut new: Box<str>) -> Option<&str> {
        if self.taken.load(Ordering::Acquire) >= Self::MOST {
            // Another thread may have added it as the last one.
            return self.find(hash, is_it);
        }
        for slot in self.slots(hash) {
            match slot.set(new) {
                Ok(()) => {
                    self.taken.fetch_add(1, Ordering::Release);
                    return slot.get().map(|kept| &**kept);
                }
                Err(back) => new = back,
            }
            // Another thread may just have added it here.
            if let Some(kept) = slot.get().filter(|kept| is_it(kept)) {
                return Some(kept);
            }
        }
        None
    }

    /// True if the text is interned.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.find(hash(text), |kept| kept == text).is_some()
    }

    /// Interns a text, if there is room for it. Returns the interned copy.
    pub(crate) fn keep(&self, text: &str) -> Option<&str> {
        self.keep_with(hash(text), |kept| kept == text, || text.into())
    }
}

static TEXTS: Interner<2048> = Interner::new();

/// `GET /orders/{id}`, and the like.
static SPAN_NAMES: Interner<2048> = Interner::new();

/// The interned text, if it is interned or there is room for it.
#[inline]
pub(crate) fn kept(text: &str) -> Option<&'static str> {
    TEXTS.keep(text)
}

/// A span's name made of a method and a template, interned while there is room.
pub(crate) fn span_name(method: &str, template: &str) -> Option<&'static str> {
    let is_it = |kept: &str| {
        kept.len() == method.len() + 1 + template.len()
            && kept.starts_with(method)
            && kept.ends_with(template)
    };
    let both = hash(method).rotate_left(17) ^ hash(template);
    let make = || format!("{method} {template}").into();
    SPAN_NAMES.keep_with(both, is_it, make)
}

/// Not for untrusted texts, which could be chosen to have equal hashes. These come from the
/// program.
#[inline]
pub(super) fn hash(text: &str) -> u64 {
    crate::hash::hash(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interns_a_text_once() {
        let table = Interner::<16>::new();
        let first = table.keep("a.B/C").unwrap();
        let again = table.keep(&String::from("a.B/C")).unwrap();
        assert!(std::ptr::eq(first, again));
        assert!(table.contains("a.B/C") && !table.contains("a.B/D"));
    }

    #[test]
    fn interns_up_to_the_limit_and_finds_each_text() {
        let table = Interner::<64>::new();
        let kept: Vec<_> = (0..10_000)
            .map(|at| format!("name {at}"))
            .filter(|name| table.keep(name).is_some())
            .collect();
        assert_eq!(kept.len(), 32);
        assert!(kept.iter().all(|name| table.contains(name)));
    }

    #[test]
    fn does_not_mix_up_method_and_template() {
        assert_eq!(span_name("GET", "/a b"), Some("GET /a b"));
        assert_eq!(span_name("GET /a", "b"), Some("GET /a b"));
        assert_eq!(span_name("GE", "T /a b"), Some("GE T /a b"));
    }

    #[test]
    fn threads_share_one_copy() {
        for _ in 0..100 {
            let table = Interner::<64>::new();
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for at in 0..32 {
                            assert!(table.keep(&at.to_string()).is_some());
                        }
                    });
                }
            });
            assert_eq!(table.taken.load(Ordering::Relaxed), 32);
        }
    }
}
