//! Header values that come again and again, with what was read from them.
//!
//! Callers of one kind often send the same `tracestate` and the same `baggage` with each call. A thread keeps what it
//! made of the last ones and hands out copies, so that it reads each once. What comes once, such as a caller's own id,
//! is not kept: only its hash is, to know it when it comes a second time.

use std::cell::RefCell;
use std::thread::LocalKey;

use crate::hash::hash;

/// Longer values are not kept: they come from strangers.
const LONGEST: usize = 512;

/// How many values are kept. A new one takes the place of another.
const PLACES: usize = 16;

/// The values of one header that a thread knows.
pub(super) struct Again<T> {
    places: [Place<T>; PLACES],
}

struct Place<T> {
    /// The hash of the value that came last, kept or not.
    last: u64,
    kept: Option<(Box<[u8]>, T)>,
}

fn place(hash: u64) -> usize {
    usize::try_from(hash % PLACES as u64).unwrap_or_default()
}

impl<T: Clone + 'static> Again<T> {
    pub(super) const fn new() -> Self {
        Self {
            places: [const {
                Place {
                    last: 0,
                    kept: None,
                }
            }; PLACES],
        }
    }

    /// A copy of what was read from this value before.
    #[inline]
    pub(super) fn recall(known: &'static LocalKey<RefCell<Self>>, value: &[u8]) -> Option<T> {
        let recalled = known.try_with(|known| {
            let known = known.try_borrow().ok()?;
            let (kept, read) = known.places.get(place(hash(value)))?.kept.as_ref()?;
            (**kept == *value).then(|| read.clone())
        });
        recalled.ok().flatten()
    }

    /// Keeps what was read from a value, if it has come before.
    pub(super) fn remember(known: &'static LocalKey<RefCell<Self>>, value: &[u8], read: &T) {
        if value.len() > LONGEST {
            return;
        }
        let _ = known.try_with(|known| {
            let hash = hash(value);
            if let Ok(mut known) = known.try_borrow_mut()
                && let Some(place) = known.places.get_mut(place(hash))
            {
                if place.last == hash {
                    place.kept = Some((value.into(), read.clone()));
                }
                place.last = hash;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static KNOWN: RefCell<Again<String>> = const { RefCell::new(Again::new()) };
    }

    fn recall(value: &str) -> Option<String> {
        Again::recall(&KNOWN, value.as_bytes())
    }

    fn remember(value: &str) {
        Again::remember(&KNOWN, value.as_bytes(), &format!("read: {value}"));
    }

    #[test]
    fn what_comes_a_second_time_is_kept() {
        assert_eq!(recall("a=1"), None);
        remember("a=1");
        assert_eq!(recall("a=1"), None);
        remember("a=1");
        assert_eq!(recall("a=1").as_deref(), Some("read: a=1"));
        assert_eq!(recall("a=2"), None);
    }

    #[test]
    fn values_without_end_take_no_more_room() {
        let long = "x".repeat(LONGEST + 1);
        for _ in 0..3 {
            remember(&long);
        }
        assert_eq!(recall(&long), None);
        for _ in 0..2 {
            (0..1000).for_each(|at| remember(&at.to_string()));
        }
        let kept = (0..1000).filter(|at| recall(&at.to_string()).is_some());
        assert!(kept.count() <= PLACES);
    }
}
