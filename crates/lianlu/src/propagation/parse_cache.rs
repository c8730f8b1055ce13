//! A cache of parsed header values.
//!
//! A client often sends the same `tracestate` and `baggage` with every call. Each thread caches the
//! parsed values and returns clones. A value is cached when it is seen for the second time in a row
//! in its slot, so values that occur once, such as a request's own id, are not cached.

use std::cell::RefCell;
use std::thread::LocalKey;

use crate::hash::hash;

/// Longer values are not cached, because clients control them.
const MAX_VALUE: usize = 512;

/// The number of cached values. A new value replaces the one in its slot.
const SLOTS: usize = 16;

/// A thread's cache of parsed values of one header.
pub(super) struct ParseCache<T> {
    slots: [Slot<T>; SLOTS],
}

struct Slot<T> {
    /// The hash of the last value for this slot, cached or not.
    last_hash: u64,
    /// A value and its parsed form.
    entry: Option<(Box<[u8]>, T)>,
}

fn slot_index(hash: u64) -> usize {
    usize::try_from(hash % SLOTS as u64).unwrap_or_default()
}

impl<T: Clone + 'static> ParseCache<T> {
    pub(super) const fn new() -> Self {
        Self {
            slots: [const {
                Slot {
                    last_hash: 0,
                    entry: None,
                }
            }; SLOTS],
        }
    }

    /// A clone of the parsed form of `value`, if it is cached.
    #[inline]
    pub(super) fn get(cache: &'static LocalKey<RefCell<Self>>, value: &[u8]) -> Option<T> {
        let found = cache.try_with(|cache| {
            let cache = cache.try_borrow().ok()?;
            let slot = cache.slots.get(slot_index(hash(value)))?;
            let (key, parsed) = slot.entry.as_ref()?;
            (**key == *value).then(|| parsed.clone())
        });
        found.ok().flatten()
    }

    /// Caches the parsed form of `value`, if the same value was inserted before.
    pub(super) fn insert(cache: &'static LocalKey<RefCell<Self>>, value: &[u8], parsed: &T) {
        if value.len() > MAX_VALUE {
            return;
        }
        let _ = cache.try_with(|cache| {
            let hash = hash(value);
            if let Ok(mut cache) = cache.try_borrow_mut()
                && let Some(slot) = cache.slots.get_mut(slot_index(hash))
            {
                if slot.last_hash == hash {
                    slot.entry = Some((value.into(), parsed.clone()));
                }
                slot.last_hash = hash;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static CACHE: RefCell<ParseCache<String>> = const { RefCell::new(ParseCache::new()) };
    }

    fn get(value: &str) -> Option<String> {
        ParseCache::get(&CACHE, value.as_bytes())
    }

    fn insert(value: &str) {
        ParseCache::insert(&CACHE, value.as_bytes(), &format!("parsed: {value}"));
    }

    #[test]
    fn caches_a_value_when_it_is_inserted_twice() {
        assert_eq!(get("a=1"), None);
        insert("a=1");
        assert_eq!(get("a=1"), None);
        insert("a=1");
        assert_eq!(get("a=1").as_deref(), Some("parsed: a=1"));
        assert_eq!(get("a=2"), None);
    }

    #[test]
    fn limits_the_length_and_number_of_values() {
        let long = "x".repeat(MAX_VALUE + 1);
        for _ in 0..3 {
            insert(&long);
        }
        assert_eq!(get(&long), None);
        for _ in 0..2 {
            (0..1000).for_each(|at| insert(&at.to_string()));
        }
        let cached = (0..1000).filter(|at| get(&at.to_string()).is_some());
        assert!(cached.count() <= SLOTS);
    }
}
